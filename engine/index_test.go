package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// firstAddr is where the log of these tests begins.
const firstAddr = 1 << 24

// indexKeeper is an index on its own and what ought to be in it. A key is its hash, and
// the log is a map that says whose record is at an address.
type indexKeeper struct {
	t    testing.TB
	fs   vfs.FS
	x    *index
	rand *rand.Rand
	boot string // of the machine

	log  map[uint64]uint64 // address -> key
	keys map[uint64]uint64 // key -> address of its newest record
	list []uint64          // the keys in any order
	next uint64            // address of the next record

	changes []change // all that the log says, oldest first

	accounted int // how often all pages were accounted for
}

// change is what the record that ends at a place in the log does to the index.
type change struct {
	end        uint64
	hash, addr uint64 // addr 0: a deletion
	clear      bool
}

func newIndexKeeper(t testing.TB, fs vfs.FS, seed uint64) *indexKeeper {
	t.Helper()
	k := &indexKeeper{t: t, fs: fs, rand: rand.New(rand.NewPCG(seed, 7)), boot: fs.BootID(),
		log: map[uint64]uint64{}, keys: map[uint64]uint64{}, next: firstAddr + segmentHeader}
	var err error
	k.x, err = k.create()
	k.must(err)
	k.must(fs.SyncDir("."))
	return k
}

func (k *indexKeeper) create() (*index, error) {
	const begin = firstAddr + segmentHeader
	return createIndex(k.fs, ".", k.boot, header{uuid: [16]byte{1}, mark: mark{addr: begin}, synced: begin})
}

func (k *indexKeeper) must(err error) {
	if err != nil {
		k.t.Helper()
		k.t.Fatal(err)
	}
}

// is tells whether the record at an address is the key's.
func (k *indexKeeper) is(hash uint64) func(uint64) (bool, error) {
	return func(addr uint64) (bool, error) {
		owner, ok := k.log[addr]
		if !ok {
			return false, fmt.Errorf("a slot leads to %#x, where there is no record", addr)
		}
		return owner == hash, nil
	}
}

// record appends a record of a key to the log.
func (k *indexKeeper) record(hash uint64) uint64 {
	addr := k.next
	k.next += 40
	k.log[addr] = hash
	return addr
}

// put gives a key a new record.
func (k *indexKeeper) put(hash uint64) {
	old, there := k.keys[hash]
	addr := k.record(hash)
	k.keys[hash] = addr
	if !there {
		k.list = append(k.list, hash)
	}
	k.changes = append(k.changes, change{end: k.next, hash: hash, addr: addr})
	k.must(k.x.put(new(leaf), hash, addr, old))
}

// delete removes the i-th key.
func (k *indexKeeper) delete(i int) {
	hash := k.list[i]
	old := k.keys[hash]
	delete(k.keys, hash)
	k.list[i] = k.list[len(k.list)-1]
	k.list = k.list[:len(k.list)-1]
	k.next += 8
	k.changes = append(k.changes, change{end: k.next, hash: hash})
	k.must(k.x.delete(new(leaf), hash, old))
}

// clear removes all keys.
func (k *indexKeeper) clear() {
	clear(k.keys)
	k.list = k.list[:0]
	k.next += 8
	k.changes = append(k.changes, change{end: k.next, clear: true})
	k.must(k.x.clearAll())
}

// newKey is a random key. Every other one is of the 256th part of all that share their
// first 8 bits, so that pages of many depths come about.
func (k *indexKeeper) newKey() uint64 { return k.rand.Uint64() >> (8 * k.rand.IntN(2)) }

// step makes one random change: of 10, 6 are new keys, 3 new records, one a deletion.
func (k *indexKeeper) step() {
	n := k.rand.IntN(10)
	switch {
	case n < 6 || len(k.list) == 0:
		k.put(k.newKey())
	case n < 9:
		k.put(k.list[k.rand.IntN(len(k.list))])
	default:
		k.delete(k.rand.IntN(len(k.list)))
	}
}

// mark tells the index that all records so far are in it, as the end of a Sync does.
func (k *indexKeeper) mark() {
	k.t.Helper()
	k.x.h.mark = mark{addr: k.next}
	k.must(k.x.writeSoft())
}

// freeze begins an index sync.
func (k *indexKeeper) freeze() {
	k.mark()
	k.must(k.x.freeze())
}

// syncPages goes on with it for one piece.
func (k *indexKeeper) syncPages() (done bool) {
	n, err := k.x.syncPages()
	k.must(err)
	return k.x.advance(n)
}

// finish ends it; busy is called between its pieces.
func (k *indexKeeper) finish(busy func()) {
	for done := false; !done; {
		done = k.syncPages()
		busy()
	}
	h := k.x.hardHeader()
	k.must(k.x.writeHard(h))
	k.must(k.x.adopt(h))
}

// reopen opens the index as the next process does, which makes the changes behind the
// mark again. Trusted is what it is expected to be.
func (k *indexKeeper) reopen(trusted bool) {
	k.t.Helper()
	k.must(k.x.close())
	if got := k.open(); got != trusted {
		k.t.Fatalf("index trusted: %v, want %v", got, trusted)
	}
}

func (k *indexKeeper) open() (trusted bool) {
	x, trusted, err := openIndex(k.fs, ".", [16]byte{1}, firstAddr, k.boot, false)
	if errors.Is(err, errNoIndex) {
		x, err = k.create()
		trusted = true
	}
	k.must(err)
	k.x = x
	k.must(x.resume(trusted))
	for _, c := range k.changes {
		switch {
		case c.end <= x.h.mark.addr:
		case c.clear:
			k.must(x.clearAll())
		default:
			k.must(x.reconcile(c.hash, c.addr, k.is(c.hash)))
		}
	}
	k.mark()
	return trusted
}

// check looks for all keys, for some that are not there, counts the slots and accounts
// for the pages.
func (k *indexKeeper) check() {
	k.t.Helper()
	k.checkSome(1)
}

// checkSome looks for one key in every n.
func (k *indexKeeper) checkSome(n int) {
	k.t.Helper()
	for i := 0; i < len(k.list); i += n {
		hash, addr := k.list[i], k.keys[k.list[i]]
		if got, err := k.x.find(hash, k.is(hash)); err != nil || got != addr {
			k.t.Fatalf("find(%#x) = %#x, %v; want %#x", hash, got, err, addr)
		}
	}
	for range 1000 {
		if hash := k.newKey(); k.keys[hash] == 0 {
			if got, err := k.x.find(hash, k.is(hash)); err != nil || got != 0 {
				k.t.Fatalf("find(%#x) = %#x, %v; want nothing", hash, got, err)
			}
		}
	}
	if slots, _ := k.fill(); slots != len(k.keys) {
		k.t.Fatalf("%d slots are in use for %d keys", slots, len(k.keys))
	}
	k.checkPages()
}

// fill counts the slots in use and all there are.
func (k *indexKeeper) fill() (used, slots int) {
	k.t.Helper()
	for hash, done := uint64(0), false; !done; {
		next, err := k.x.eachSlot(hash, func(page uint32, i int, slot uint64) error {
			if !intact(slot, place(page, i)) {
				return indexDamage(page, errSlot)
			}
			slots++
			if !isEmpty(slot) {
				used++
			}
			return nil
		})
		k.must(err)
		hash, done = next, next == 0
	}
	return used, slots
}

// checkPages: every page in use is one of these: the header, a page of one directory, a
// page that one range of words of a directory leads to, or free; and none is two of them.
func (k *indexKeeper) checkPages() {
	k.t.Helper()
	x := k.x
	what := map[uint32]string{0: "the header"}
	areas := map[area]bool{}
	for _, a := range []area{x.h.dir, x.h.frozen, x.hard.dir} {
		if a.depth != 0 {
			areas[a] = true
		}
	}
	claim := func(page uint32, as string, unless string) {
		if is, taken := what[page]; taken && is != unless {
			k.t.Fatalf("page %d is %s and %s", page, is, as)
		}
		if uint64(page) >= x.h.pages || int64(page+1)*pageSize > x.size {
			k.t.Fatalf("page %d is %s, but %d pages are in use and the file has %d bytes", page, as, x.h.pages, x.size)
		}
		what[page] = as
	}
	for a := range areas {
		for p := range a.pages() {
			claim(a.page+p, fmt.Sprintf("of directory %v", a), "")
		}
	}
	for a := range areas {
		for page, first := range k.reached(a) {
			depth, _, err := x.word(a, first)
			k.must(err)
			// Directories share the pages that were not split meanwhile.
			as := fmt.Sprintf("for %d bits %#x", depth, first>>(a.depth-depth))
			claim(page, as, as)
		}
	}
	if !x.scanned {
		return // what is free will be found out when a page is needed
	}
	k.accounted++
	for _, p := range x.free {
		claim(p, "free", "")
	}
	if uint64(len(what)) != x.h.pages {
		k.t.Fatalf("%d of %d pages are accounted for", len(what), x.h.pages)
	}
}

// reached returns the pages that a directory leads to, each with its first word. All its
// words are in one aligned range as long as the page's depth says.
func (k *indexKeeper) reached(a area) map[uint32]uint64 {
	k.t.Helper()
	first := map[uint32]uint64{}
	for i := uint64(0); i < 1<<a.depth; i++ {
		depth, page, err := k.x.word(a, i)
		k.must(err)
		if page == 0 {
			continue
		}
		start := i >> (a.depth - depth) << (a.depth - depth)
		if at, seen := first[page]; seen != (i > start) || seen && at != start {
			k.t.Fatalf("directory %v: word %d leads to page %d of depth %d, whose first word is %d (seen: %v)", a, i, page, depth, at, seen)
		}
		first[page] = start
	}
	return first
}

// TestIndex makes random changes, with index syncs at any time, and opens the index again
// and again, also as after a power cut that kept everything.
func TestIndex(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 1)
	for phase := range 30 {
		switch phase % 6 {
		case 1:
			k.freeze()
		case 2:
			k.finish(k.step)
		case 3:
			k.reopen(true)
		case 4:
			k.freeze()
			k.reopen(true) // goes on with the sync of the process before
			k.finish(k.step)
		case 5:
			k.boot += "'" // the machine starts again
			k.reopen(false)
		}
		k.checkSome(50)
		for range 10_000 {
			k.step()
		}
		k.checkSome(50)
	}
	k.check()
	used, slots := k.fill()
	if k.accounted < 30 {
		t.Errorf("pages accounted for only %d times", k.accounted)
	}
	t.Logf("%d keys, directory of 2^%d, %d pages, %.0f %% of slots in use", len(k.keys), k.x.h.dir.depth, k.x.h.pages, float64(used)*100/float64(slots))
	if k.x.h.dir.pages() < 4 {
		t.Errorf("the directory has only 2^%d words: too few for what this test is about", k.x.h.dir.depth)
	}
	k.clear()
	k.check()
	k.put(5)
	k.check()
	k.boot += "'"
	k.reopen(false)
	k.check()
	k.must(k.x.close())
}

// TestIndexFill measures what a key costs in the index. A page is split when both lines
// of a key are full, at about 75 % of its slots; pages of random keys fill up and split
// all at about the same time, so the share of all slots goes up and down between.
func TestIndexFill(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 2)
	var sum, n, least, most float64 = 0, 0, 1, 0
	for _, keys := range []int{10_000, 100_000, 130_000, 170_000, 200_000, 230_000, 260_000, 300_000, 350_000, 400_000, 1_000_000}[:count(10, 11)] {
		for len(k.keys) < keys {
			k.put(k.rand.Uint64())
		}
		used, slots := k.fill()
		full := float64(used) / float64(slots)
		t.Logf("%7d keys: %.0f %% of slots in use, %.1f bytes a key", keys, full*100, float64(k.x.h.pages)*pageSize/float64(keys))
		if keys >= 100_000 {
			sum, n, least, most = sum+full, n+1, min(least, full), max(most, full)
		}
	}
	if sum/n < 0.55 || least < 0.45 || most < 0.65 {
		t.Errorf("slots in use: %.2f on average, %.2f at least, %.2f at most; want 0.55, 0.45, 0.65", sum/n, least, most)
	}
	k.must(k.x.close())
}

// TestIndexSyncsReusePages: pages of directories that nothing reaches any more are used
// again, so that index syncs, each of which copies the directory, take no space for good.
func TestIndexSyncsReusePages(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 3)
	for range 30_000 {
		k.put(k.newKey())
	}
	grown := uint64(0)
	for i := range 200 {
		for range 100 {
			k.put(k.list[k.rand.IntN(len(k.list))])
		}
		k.freeze()
		k.finish(func() {})
		if i == 2 {
			grown = k.x.h.pages // three directories: working, frozen and hard
		}
	}
	if k.x.h.dir.pages() < 4 || k.x.h.pages != grown {
		t.Errorf("after 200 syncs %d pages are in use, %d after the third; the directory has %d", k.x.h.pages, grown, k.x.h.dir.pages())
	}
	k.check()
}

// TestIndexClearsReusePages does the same for databases that are emptied and filled again.
func TestIndexClearsReusePages(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 4)
	grown := uint64(0)
	for i := range 60 {
		for range 5000 {
			k.put(k.newKey())
		}
		k.freeze()
		if i%2 == 0 {
			k.finish(k.step)
			k.checkSome(10)
		}
		k.clear()
		if i%2 == 1 {
			k.finish(k.step)
		}
		if i == 20 {
			grown = k.x.h.pages
		}
	}
	k.check()
	if limit := grown + grown/4; k.x.h.pages > limit {
		t.Errorf("after 60 clears %d pages are in use, %d after 20", k.x.h.pages, grown)
	}
}

// TestIndexReconcile starts from everything that an index may say of a key after a crash.
func TestIndexReconcile(t *testing.T) {
	const hash, twin = 0x1234_5678_9abc_def0, 0x1234_5678_9abc_def0 ^ 1<<30 // same tag, other key
	k := newIndexKeeper(t, vfs.NewMem(), 5)
	old, older, addr := k.record(hash), k.record(hash), k.record(hash)
	k.put(twin)
	for _, before := range [][]uint64{{}, {old}, {addr}, {old, older}, {old, addr}, {addr, old}, {old, addr, older}, {addr, old, older}, {old, older, addr}} {
		for _, want := range []uint64{0, addr} {
			for _, a := range before {
				k.must(k.x.put(new(leaf), hash, a, 0))
			}
			for again := range 2 {
				k.must(k.x.reconcile(hash, want, k.is(hash)))
				if got := k.slotsOf(hash); want == 0 && len(got) != 0 || want != 0 && !slices.Equal(got, []uint64{want}) {
					t.Errorf("%#x reconciled to %#x (time %d): %#x", before, want, again+1, got)
				}
			}
			if got, err := k.x.find(twin, k.is(twin)); err != nil || got != k.keys[twin] {
				t.Errorf("%#x reconciled to %#x: the other key is at %#x, %v", before, want, got, err)
			}
			for _, a := range k.slotsOf(hash) {
				k.must(k.x.delete(new(leaf), hash, a))
			}
		}
	}
}

// slotsOf returns the addresses of a key that the index holds.
func (k *indexKeeper) slotsOf(hash uint64) (addrs []uint64) {
	_, err := k.x.eachSlot(hash, func(_ uint32, _ int, slot uint64) error {
		if addr := slotAddr(slot, firstAddr); !isEmpty(slot) && k.log[addr] == hash {
			addrs = append(addrs, addr)
		}
		return nil
	})
	k.must(err)
	return addrs
}

// TestIndexFlippedBit flips every bit of the slots that a look-up depends on, in a log
// where every record is the key's: so a wrong address would be believed.
func TestIndexFlippedBit(t *testing.T) {
	const hash = 0x0123_4567_89ab_cdef
	yes := func(uint64) (bool, error) { return true, nil }
	for _, addr := range []uint64{0, firstAddr + 4096} {
		k := newIndexKeeper(t, vfs.NewMem(), 6)
		k.put(hash ^ 1<<40) // another key of the page, with another tag
		if addr != 0 {
			k.must(k.x.put(new(leaf), hash, addr, 0))
		}
		_, page, err := k.x.lookup(hash)
		k.must(err)
		m, off, err := k.x.chunk(page)
		k.must(err)
		noticed := 0
		for _, line := range lines(hash) {
			for bit := range lineSize * 8 {
				at := off + line*lineSize + bit/64*8
				m.Store64(at, m.Load64(at)^1<<(bit%64))
				got, err := k.x.find(hash, yes)
				switch {
				case errors.Is(err, ErrCorrupt):
					noticed++
				case err != nil || got != addr:
					t.Fatalf("bit %d of line %d flipped: found %#x, %v; want %#x or %v", bit, line, got, err, addr, ErrCorrupt)
				}
				m.Store64(at, m.Load64(at)^1<<(bit%64))
			}
		}
		if addr == 0 && noticed != 2*lineSize*8 {
			t.Errorf("%d of %d flipped bits noticed by a look-up that finds nothing", noticed, 2*lineSize*8)
		}
	}
}

// TestIndexDamage: whatever meets a word that does not match its check says so.
func TestIndexDamage(t *testing.T) {
	const hash = 0x0123_4567_89ab_cdef
	slot := func(k *indexKeeper) (*vfs.Mapping, int) { // a key's own
		_, page, _ := k.x.lookup(hash)
		m, off, err := k.x.chunk(page)
		k.must(err)
		for i := range slotsPerPage {
			if s := m.Load64(off + i*8); !isEmpty(s) && slotAddr(s, firstAddr) == k.keys[hash] {
				return m, off + i*8
			}
		}
		t.Fatal("the key has no slot")
		return nil, 0
	}
	word := func(k *indexKeeper) (*vfs.Mapping, int) { // of the directory
		m, off, err := k.x.chunk(k.x.h.dir.page)
		k.must(err)
		return m, off + hash>>(64-minDepth)*8
	}
	for _, tt := range []struct {
		name  string
		place func(*indexKeeper) (*vfs.Mapping, int)
		do    func(*indexKeeper) error
	}{
		{"slot, find", slot, func(k *indexKeeper) error { _, err := k.x.find(hash, k.is(hash)); return err }},
		{"slot, replace", slot, func(k *indexKeeper) error { return k.x.put(new(leaf), hash, k.record(hash), k.keys[hash]) }},
		{"slot, delete", slot, func(k *indexKeeper) error { return k.x.delete(new(leaf), hash, k.keys[hash]) }},
		{"slot, reconcile", slot, func(k *indexKeeper) error { return k.x.reconcile(hash, k.record(hash), k.is(hash)) }},
		{"slot, split", slot, func(k *indexKeeper) error {
			depth, page, err := k.x.lookup(hash)
			k.must(err)
			return k.x.split(hash, page, depth)
		}},
		{"word, find", word, func(k *indexKeeper) error { _, err := k.x.find(hash, k.is(hash)); return err }},
		{"word, put", word, func(k *indexKeeper) error { return k.x.put(new(leaf), hash, k.record(hash), 0) }},
		{"word, delete", word, func(k *indexKeeper) error { return k.x.delete(new(leaf), hash, k.keys[hash]) }},
		{"word, double", word, func(k *indexKeeper) error { return k.x.double() }},
		{"word, freeze", word, func(k *indexKeeper) error { return k.x.freeze() }},
		{"word, scan", word, func(k *indexKeeper) error { return k.x.scan() }},
	} {
		for bit := range 64 {
			k := newIndexKeeper(t, vfs.NewMem(), 7)
			k.put(hash)
			m, at := tt.place(k)
			m.Store64(at, m.Load64(at)^1<<bit)
			if err := tt.do(k); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: bit %d flipped: %v", tt.name, bit, err)
			}
			k.must(k.x.close())
		}
	}
}
