package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// specimen is a small database as files, with all that was ever in it.
type specimen struct {
	files  map[string][]byte
	states []map[string]string // after so many frames
	ends   []int64             // offsets in the segment where they end
	chain  uint32              // of all of them
}

const specimenNow = 1000

// specimens makes the specimen once. Each frame is synced before the next, and half way
// there is an index sync.
var specimens = sync.OnceValue(func() *specimen {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	t := panicTB{}
	newTestDatabase(t, fs, "db")
	db := mustOpen(t, "db", specimenOptions(fs))
	s := &specimen{files: map[string][]byte{}, states: []map[string]string{{}}, ends: []int64{segmentHeader}}
	state := map[string]string{}
	frame := func(fn func(tx *Tx)) {
		update(t, db, fn)
		must(t, db.Sync())
		s.states = append(s.states, maps.Clone(state))
		s.ends = append(s.ends, db.log.offset(db.committed))
	}
	put := func(tx *Tx, key, value string, expire int64) {
		must(t, tx.Put([]byte(key), Item{Type: TypeString, Value: []byte(value), ExpireAt: expire}))
		if state[key] = value; expired(expire, specimenNow) {
			delete(state, key)
		}
	}
	for i := range 12 {
		frame(func(tx *Tx) {
			for j := range 4 {
				put(tx, fmt.Sprintf("k%d", (i+j)%10), fmt.Sprintf("v%d.%d", i, j), int64(i%3*2000))
			}
			if i == 3 {
				must(t, tx.Clear())
				clear(state)
			}
			put(tx, "gone", "by now", 500)
			put(tx, "stays", "at last", int64(i%2)*9000)
			if _, err := tx.Delete(fmt.Appendf(nil, "k%d", (i+1)%10)); err != nil {
				t.Fatal(err)
			}
			delete(state, fmt.Sprintf("k%d", (i+1)%10))
		})
		if i == 6 {
			must(t, db.syncIndex(func() bool { return false }))
		}
	}
	s.chain = db.log.chain
	must(t, db.Close())
	for _, name := range fs.Files() {
		s.files[name[len("/db/"):]] = fs.Bytes(name)
	}
	log := segmentName(1)
	s.files[log] = s.files[log][:s.ends[len(s.ends)-1]+256]
	return s
})

// panicTB is for what is made before there is a test.
type panicTB struct{ testing.TB }

func (panicTB) Helper()                   {}
func (panicTB) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (panicTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func specimenOptions(fs vfs.FS) Options {
	return Options{FS: fs, Inline: true, Clock: func() int64 { return specimenNow }, tuning: crowded}
}

// in returns the files in a new file system, those of which change returns nil left out.
// The index is trusted there, as it was.
func (s *specimen) in(t *testing.T, change func(name string, b []byte) []byte) vfs.FS {
	fs := vfs.NewMem()
	must(t, fs.Mkdir("db"))
	for name, b := range s.files {
		b = bytes.Clone(b)
		if name == indexName {
			writeFile(t, fs, "db/"+name, nil)
			f, err := fs.OpenFile("db/"+name, os.O_RDONLY)
			must(t, err)
			id, err := f.Identity()
			must(t, err)
			must(t, f.Close())
			for i := 2; i < 4; i++ {
				h := b[i*headerSpacing:][:indexHeader]
				binary.LittleEndian.PutUint64(h[112:], bootHash(fs.BootID(), id))
				sealHeader(h)
			}
		}
		if b = change(name, b); b != nil {
			writeFile(t, fs, "db/"+name, b)
		} else if name == indexName {
			must(t, fs.Remove("db/"+name))
		}
	}
	return fs
}

// sealHeader puts the right checksum on a header of an index.
func sealHeader(h []byte) { binary.LittleEndian.PutUint32(h[252:], crc32c(0, h[:252])) }

// distrust makes an index what it is after a power cut: its soft headers count no more.
func distrust(b []byte) []byte {
	clear(b[2*headerSpacing : 4*headerSpacing])
	return b
}

// patch overwrites, from off on, what there is, and goes on behind the end.
func patch(b []byte, off int, with []byte) []byte {
	off = min(off, len(b))
	if end := off + len(with); end > len(b) {
		b = append(b, make([]byte, end-len(b))...)
	}
	copy(b[off:], with)
	return b
}

// use reads a database that may be damaged, and then does everything else with it. Errors
// are fine, answers of no time are not: each key has a value that it once had.
func (s *specimen) use(t *testing.T, db *DB) {
	tx, err := db.Begin(false)
	if err != nil {
		return
	}
	for i := range 12 {
		key := fmt.Sprintf("k%d", i)
		it, ok, err := item(tx, []byte(key))
		if ok && err == nil && !s.ever(key, string(it.Value)) {
			t.Errorf("%s is %q, which it never was", key, it.Value)
		}
	}
	tx.Commit()
	stress(db)
}

// stress does everything with a database, and has no opinion on the answers.
func stress(db *DB) {
	tx, err := db.Begin(true)
	if err != nil {
		return
	}
	for i := range 12 {
		key := fmt.Appendf(nil, "k%d", i)
		item(tx, key)
		tx.Version(key)
		tx.Expire(key, 7000)
		tx.Delete(fmt.Appendf(nil, "k%d", i/2))
		sp := savepoint(tx)
		tx.Put(key, text("value"))
		if i%3 == 0 {
			tx.RollbackTo(sp)
		}
	}
	tx.Len()
	tx.Random()
	for cursor, calls := uint64(0), 0; calls < 100 && (cursor != 0 || calls == 0); calls++ {
		cursor, _ = tx.Scan(cursor, 10, func([]byte, Item) bool { return true })
	}
	tx.Commit()
	db.Sync()
	db.syncIndex(func() bool { return false })
	db.Verify(func(string) {})
	db.Stats()
}

func (s *specimen) ever(key, value string) bool {
	for _, state := range s.states {
		if v, ok := state[key]; ok && v == value {
			return true
		}
	}
	return false
}

// all reads everything there is.
func (s *specimen) all(db *DB) (map[string]string, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer tx.Commit()
	items := map[string]string{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		cursor, err = scanItems(tx, cursor, 1000, func(k []byte, it Item) bool {
			items[string(k)] = string(it.Value)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	n, err := tx.Len()
	if err == nil && n != int64(len(items)) {
		err = fmt.Errorf("%d keys are there, and counted are %d", len(items), n)
	}
	return items, err
}

// FuzzLog patches a log, or goes on writing behind its end, and takes away the index, or
// what makes it trusted. There is then an error, or the database as of the end of some
// frame; and as of the last one, if the frames behind the damage tell of it.
func FuzzLog(f *testing.F) {
	s := specimens()
	size := len(s.files[segmentName(1)])
	for i, end := range s.ends {
		f.Add(uint16(end), []byte{1}, byte(i))
		f.Add(uint16(end-8), []byte("stale bytes"), byte(i+1))
		f.Add(uint16(end), s.files[segmentName(1)][64:200], byte(i+2))
	}
	f.Add(uint16(size), []byte{}, byte(0))
	f.Add(uint16(3), []byte{0xff, 0xff}, byte(1))
	f.Fuzz(func(t *testing.T, off uint16, with []byte, mode byte) {
		damaged := patch(bytes.Clone(s.files[segmentName(1)]), int(off), with)
		if mode&4 != 0 {
			damaged = damaged[:min(len(damaged), int(off)+len(with))]
		}
		fs := s.in(t, func(name string, b []byte) []byte {
			switch {
			case name == segmentName(1):
				return damaged
			case name == indexName && mode%3 == 1:
				return nil
			case name == indexName && mode%3 == 2:
				return distrust(b)
			}
			return b
		})
		before := bytes.Clone(damaged)
		db, err := Open("db", specimenOptions(fs))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Errorf("an error of no class: %v", err)
			}
			// What comes after whole frames may have been cut off before it turned out that
			// the index leads there.
			if after := readFile(t, fs, "db/"+segmentName(1)); !bytes.HasPrefix(before, after) || len(after) < min(len(before), int(s.ends[s.least(damaged)])) {
				t.Errorf("refused (%v), and what is left are %d of %d bytes", err, len(after), len(before))
			}
			return
		}
		defer db.Close()
		got, err := s.all(db)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("an error of no class: %v", err)
			}
			return
		}
		least := len(s.states) - 1
		if mode%3 != 0 { // nobody but the frames knows how far it was synced
			least = s.least(damaged)
		}
		for i := len(s.states) - 1; i >= least; i-- {
			if maps.Equal(got, s.states[i]) {
				s.use(t, db)
				return
			}
		}
		t.Errorf("the state of no frame from %d on: %v", least, got)
	})
}

// least returns how many frames must be there at least, if the database can be opened:
// all, if what follows the damage tells that all before was synced; else those before it.
func (s *specimen) least(damaged []byte) int {
	good := s.files[segmentName(1)]
	last := len(s.ends) - 1
	whole := func(i int) bool { // frame i
		return int64(len(damaged)) >= s.ends[i] && bytes.Equal(damaged[s.ends[i-1]:s.ends[i]], good[s.ends[i-1]:s.ends[i]])
	}
	if whole(last) && bytes.Equal(damaged[:segmentHeader], good[:segmentHeader]) {
		return last // it knows that the others are synced
	}
	i := 0
	for i < last && whole(i+1) {
		i++
	}
	return i
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDONLY)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if size > 0 {
		_, err = f.ReadAt(b, 0)
		must(t, err)
	}
	return b
}

// FuzzRepair patches a file of a database, and takes others away. A repair then makes a
// database of it, whatever it holds, or says that it can recognise nothing.
func FuzzRepair(f *testing.F) {
	s := specimens()
	for i, end := range s.ends {
		f.Add(uint16(end), []byte{1}, byte(i))
		f.Add(uint16(end+12), s.files[segmentName(1)][64:200], byte(i+3))
	}
	for i := range byte(12) {
		f.Add(uint16(0), bytes.Repeat([]byte{0xff}, 40), i)
		f.Add(uint16(48), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, i)
		f.Add(uint16(headerSpacing*2+100), bytes.Repeat([]byte{0xff}, 20), i)
	}
	f.Fuzz(func(t *testing.T, off uint16, with []byte, mode byte) {
		patched := []string{segmentName(1), indexName, manifestName}[mode%3]
		without := []string{"", indexName, manifestName, lockName}[mode/3%4]
		fs := s.in(t, func(name string, b []byte) []byte {
			switch name {
			case without:
				return nil
			case patched:
				b = patch(b, int(off), with)
				if name == indexName && len(b) > headerSpacing*2+indexHeader {
					sealHeader(b[headerSpacing*2:][:indexHeader]) // nonsense with the right checksum
				}
			}
			return b
		})
		if without != "" {
			fs.Remove("db/" + without)
		}
		stats, err := Repair("db", "new", specimenOptions(fs), func(string) {})
		if err != nil {
			if !errors.Is(err, ErrNotOurs) && !errors.Is(err, ErrVersion) {
				t.Errorf("an error of no class: %v", err)
			}
			return
		}
		db, err := Open("new", specimenOptions(fs))
		must(t, err)
		defer db.Close()
		verify(t, db)
		if db.c.keys != stats.Keys {
			t.Errorf("%d keys, said to be %d", db.c.keys, stats.Keys)
		}
	})
}

// FuzzFrames appends frames with right checksums and nonsense in them, as a program with
// an error might write. Nothing may panic or hang.
func FuzzFrames(f *testing.F) {
	s := specimens()
	for _, kind := range []byte{kindCommit, kindDelete, kindClear, kindAbort, kindSummary, kindValue, kindValue + 1, 255} {
		for flags := range byte(knownFlags + 1) {
			f.Add([]byte{kind, flags, 2, 8, 'k', '1', 0x40, 0, 1, 0, 0, 0, 0, 0, kindCommit, 0, 0, 48}, byte(kind))
		}
	}
	f.Add([]byte{kindAbort, 0, 0, 4}, byte(1))
	address := 1<<minSegmentBits + uint64(s.ends[len(s.ends)-1])
	for size := range byte(40) { // summaries, some of which are before themselves
		f.Add(binary.LittleEndian.AppendUint64(append([]byte{kindSummary, 0, 0, size}, make([]byte, 24)...), address*uint64(size%3)/2), byte(1))
	}
	f.Add([]byte{kindValue + 1, flagFile, 2, 16, 'k', '1', 0x40, 0, 1}, byte(0))
	f.Add(append([]byte{kindCommit, 0, 0, 56}, bytes.Repeat([]byte{0xff}, 60)...), byte(1))
	f.Add(append([]byte{kindSummary, 0, 0, 24, 0x78}, bytes.Repeat([]byte{0xff}, 60)...), byte(2))
	f.Fuzz(func(t *testing.T, recipe []byte, mode byte) {
		log := s.files[segmentName(1)]
		end := s.ends[len(s.ends)-1]
		log = cook(bytes.Clone(log[:end]), recipe, s.chain)
		fs := s.in(t, func(name string, b []byte) []byte {
			switch {
			case name == segmentName(1):
				return log
			case name == indexName && mode%3 == 1:
				return nil
			case name == indexName && mode%3 == 2:
				return distrust(b)
			}
			return b
		})
		for _, readOnly := range []bool{true, false, false} {
			o := specimenOptions(fs)
			o.ReadOnly = readOnly
			db, err := Open("db", o)
			if err != nil {
				continue
			}
			db.Verify(func(string) {})
			if !readOnly {
				stress(db)
			}
			db.Close()
		}
	})
}

// cook appends records to a segment: kind, flags, the lengths of key and value, and then as
// many bytes of the recipe as there are for them and the fields. A commit record gets the
// right chain. In the end there is always one, which tells where the last summary is.
func cook(log, recipe []byte, chain uint32) []byte {
	take := func(n int) []byte {
		b := make([]byte, n)
		m := copy(b, recipe)
		recipe = recipe[m:]
		return b
	}
	add := func(r *record) {
		if r.kind == kindCommit && len(r.value) >= 4 {
			binary.LittleEndian.PutUint32(r.value, chain)
		}
		start := len(log)
		log = appendRecord(log, 1<<minSegmentBits+uint64(start), r)
		chain = crc32c(chain, log[start:])
	}
	c := commit{counters: counters{keys: 5, expiring: 2, bytes: 100}}
	for len(recipe) > 3 && len(log) < 60_000 {
		h := take(4)
		r := &record{kind: h[0], flags: h[1]}
		le := binary.LittleEndian
		r.expire, r.was, r.wasFile = int64(le.Uint64(take(8))), int64(le.Uint64(take(8))), le.Uint64(take(8))
		r.key, r.value = take(int(h[2])), take(int(h[3]))
		if r.kind == kindSummary {
			c.summary = 1<<minSegmentBits + uint64(len(log))
		}
		add(r)
	}
	var value [commitValue]byte
	c.encode(&value)
	add(&record{kind: kindCommit, value: value[:]})
	return log
}

// FuzzIndexFile patches an index. Whatever it says, a key has one of the values that it
// once had; and where the patch is in a header, everything is right.
func FuzzIndexFile(f *testing.F) {
	s := specimens()
	for page := range len(s.files[indexName]) / pageSize {
		f.Add(uint32(page*pageSize), []byte{0}, byte(page))
		f.Add(uint32(page*pageSize+8*page), bytes.Repeat([]byte{0xff}, 64), byte(page))
	}
	for i := range 4 {
		for _, at := range []int{0, 12, 32, 40, 48, 56, 104, 112, 120, 176, 184} {
			f.Add(uint32(i*headerSpacing+at), bytes.Repeat([]byte{0xff}, 8), byte(8))
			f.Add(uint32(i*headerSpacing+at), []byte{1}, byte(8))
			f.Add(uint32(i*headerSpacing+at), []byte{0x55}, byte(0))
		}
	}
	f.Fuzz(func(t *testing.T, off uint32, with []byte, mode byte) {
		sealHeaders := mode&8 != 0
		for _, readOnly := range []bool{true, false, false} {
			fs := s.in(t, func(name string, b []byte) []byte {
				if name != indexName {
					return b
				}
				if mode&1 != 0 {
					b = distrust(b)
				}
				b = patch(b, int(off), with)
				if len(b) > 1<<20 {
					return nil
				}
				if mode&4 != 0 {
					b = b[:min(len(b), int(off)+len(with))]
				}
				for i := range 4 {
					if h := b[min(len(b), i*headerSpacing):]; sealHeaders && len(h) >= indexHeader {
						sealHeader(h[:indexHeader])
					}
				}
				return b
			})
			o := specimenOptions(fs)
			o.ReadOnly = readOnly
			db, err := Open("db", o)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrFull) {
					t.Errorf("an error of no class: %v", err)
				}
				continue
			}
			got, err := s.all(db)
			if int(off)+len(with) <= pageSize && mode&12 == 0 && (err != nil || !maps.Equal(got, s.states[len(s.states)-1])) {
				t.Errorf("headers damaged: %v, %v", got, err)
			}
			if !readOnly && !sealHeaders {
				s.use(t, db)
			} else if !readOnly {
				stress(db)
			}
			db.Close()
		}
	})
}
