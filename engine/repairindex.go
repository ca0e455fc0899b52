package engine

import "fmt"

// Where the index of a damaged database can still be used, it knows what a repair cannot:
// which keys had a newer record than those that were found, and which had none any more.
// So a deleted key does not come back because its deletion is lost.
type witness struct {
	*index
	seed [2]uint64
	lost spans
	// recent are the keys with records behind the index's mark, of which it may know nothing.
	recent map[string]bool
}

// maxRecent bytes of log, or more, behind the index's mark make it worthless here.
const maxRecent = 256 << 20

// callWitness opens the index, if that can be used and there is something to ask it; nil
// otherwise.
func (r *repair) callWitness() *witness {
	if r.stats.Damages == 0 || r.guessed {
		return nil
	}
	x, _, err := openIndex(r.fs, r.wreck.dir, r.man.uuid, r.man.head<<r.geo.bits, r.fs.BootID(), true)
	if err != nil {
		return nil
	}
	if end := (r.last + 1) << r.geo.bits; x.h.mark.addr+maxRecent < end && r.synced > x.h.mark.addr+maxRecent {
		x.close()
		return nil
	}
	w := &witness{index: x, seed: r.man.hashSeed(), recent: map[string]bool{}}
	for _, l := range r.losses {
		w.lost = append(w.lost, l.span)
	}
	w.lost = w.lost.merged()
	return w
}

// note is told of all records that count.
func (w *witness) note(addr uint64, rec *record) {
	if w != nil && addr >= w.h.mark.addr && len(rec.key) > 0 {
		w.recent[string(rec.key)] = true
	}
}

// verdict is what the index says of a key that was found.
type verdict int

const (
	unknown verdict = iota
	current         // its newest record was found, as good as surely
	replaced
	erased
)

// ask tells what the index says of a key. A slot with the key's tag is taken for its own:
// another key has the same once in a hundred million times.
func (w *witness) ask(key []byte) verdict {
	if w.recent[string(key)] {
		return unknown
	}
	hash := siphash(w.seed[0], w.seed[1], key)
	_, page, err := w.lookup(hash)
	if err != nil {
		return unknown
	}
	if page == 0 {
		return erased
	}
	m, off, err := w.chunk(page)
	if err != nil {
		return unknown
	}
	v := erased
	for _, line := range lines(hash) {
		for i, s := range m.Words(off+line*lineSize, slotsPerLine) {
			switch {
			case !intact(s, place(page, line*slotsPerLine+i)):
				return unknown
			case isEmpty(s) || slotTag(s) != tagOf(hash):
			case w.lost.find(slotAddr(s, w.logStart)) < 0:
				return current
			default:
				v = replaced
			}
		}
	}
	return v
}

// hearWitness leaves out keys that had been deleted, and tells of those whose newest value
// is lost.
func (r *repair) hearWitness(w *witness) error {
	if w == nil {
		return nil
	}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var deleted []string
		next, err := r.tx.Scan(cursor, 1000, func(key []byte, _ Item) bool {
			switch w.ask(key) {
			case replaced:
				r.sayKey(key, "its newest value is lost, an earlier one counts again")
			case erased:
				deleted = append(deleted, string(key))
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, key := range deleted {
			r.sayKey([]byte(key), "it was deleted or cleared by a record that is lost, and is left out")
			if _, err := r.tx.Delete([]byte(key)); err != nil {
				return err
			}
			if err := r.turn(len(key)); err != nil {
				return err
			}
		}
		cursor = next
	}
	return nil
}

// maxKeysSaid is how many keys are named; the rest is counted.
const maxKeysSaid = 1000

func (r *repair) sayKey(key []byte, what string) {
	if r.keysSaid++; r.keysSaid <= maxKeysSaid {
		r.report(fmt.Sprintf("key %s: %s", quoteKey(string(key)), what))
	}
}
