package engine

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nubdb/nubdb/engine/vfs"
)

// The index is a hash table in a file, INDEX, that is mapped into memory: from a
// key's hash it finds the addresses of records that may be the key's newest. It is
// a cache of the log: whatever happens to it, the log can make it again.
//
// It is an extendible hash table. The directory's 2^depth words are pages chosen by
// the top bits of the hash; a page of 4 KiB is 64 lines of 8 slots (slot.go), one
// cache line each. A key belongs to two lines of its page and goes to the emptier
// one. When both are full the page is split in two by the next bit of the hash.
//
// What keeps it true (see also docs/FORMAT.md):
//   - A slot is only ever filled, overwritten by its own key's next address, or
//     emptied, in one store, and only for records that are durable; it never moves.
//   - Splitting copies into two fresh pages and then turns the directory over to
//     them. A page that a hard header can still reach is not used again before the
//     next hard header is durable. So after a power cut the directory of the last
//     hard header leads to pages that hold every key not written since, and redoing
//     the log from its mark settles the others.
//   - Only the directory's ranges cannot be changed in one store: the soft header
//     says busy meanwhile, and an index found busy is recovered as after a power cut.
type index struct {
	file     vfs.File
	readOnly bool
	logStart uint64 // first address of the log, resolves the slots' modulus

	chunks []atomic.Pointer[vfs.Mapping] // of chunkSize bytes, mapped when needed
	mu     sync.Mutex                    // guards mapping chunks
	size   int64                         // of the file

	h    header // as of now; the soft headers in the file follow it
	hard header // the newest hard header, seq 0 if there is none
	// next is where in its pair the next hard header and the next soft one go: not to
	// where the newest is.
	next [2]int

	scanned bool     // free and hardPages are known
	free    []uint32 // pages that no directory reaches
	pinned  bitmap   // pages that the hard or the frozen directory reaches

	images *[2][pageSize]byte // what a split makes: new ones each time were half the garbage of a bulk load
}

const (
	indexName    = "INDEX"
	pageSize     = 4096
	slotsPerLine = 8
	lineSize     = slotsPerLine * 8
	linesPerPage = 64
	slotsPerPage = slotsPerLine * linesPerPage
	dirPerPage   = pageSize / 8
	chunkSize    = 4 << 20
	chunkPages   = chunkSize / pageSize
	maxChunks    = 1 << 16 // 256 GiB of index
)

var (
	errSlot      = errors.New("index slot does not match its check")
	errDirectory = errors.New("index directory entry does not match its check")
	errLostSlot  = errors.New("index slot is missing")
	errIndexFull = errors.New("index is full")
)

func indexDamage(page uint32, cause error) error {
	return fmt.Errorf("%w: %s page %d: %w", ErrCorrupt, indexName, page, cause)
}

// chunk returns the mapping that holds a page, and where in it.
func (x *index) chunk(page uint32) (*vfs.Mapping, int, error) {
	i := page / chunkPages
	off := int(page%chunkPages) * pageSize
	if int(i) < len(x.chunks) {
		if m := x.chunks[i].Load(); m != nil {
			return m, off, nil
		}
	}
	m, err := x.mapChunk(i)
	return m, off, err
}

func (x *index) mapChunk(i uint32) (*vfs.Mapping, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if int(i) >= len(x.chunks) || int64(i)*chunkSize >= x.size {
		return nil, indexDamage(i*chunkPages, errors.New("no such page"))
	}
	if m := x.chunks[i].Load(); m != nil {
		return m, nil
	}
	m, err := x.file.Map(int64(i)*chunkSize, chunkSize, !x.readOnly)
	if err == nil {
		x.chunks[i].Store(m)
	}
	return m, err
}

// lines are the two lines of a page that a key may be in; always different.
func lines(hash uint64) [2]int {
	first := int(hash & (linesPerPage - 1))
	apart := int(hash >> 6 & (linesPerPage - 1))
	if apart == 0 {
		apart = linesPerPage / 2
	}
	return [2]int{first, first ^ apart}
}

// place numbers the slots of all pages, for their checks.
func place(page uint32, slot int) uint64 { return uint64(page)*slotsPerPage + uint64(slot) }

// find returns the address of the key with this hash, 0 if there is none; is tells
// whether the record at an address is the key's.
func (x *index) find(hash uint64, is func(addr uint64) (bool, error)) (uint64, error) {
	_, page, err := x.lookup(hash)
	if page == 0 || err != nil {
		return 0, err
	}
	m, off, err := x.chunk(page)
	if err != nil {
		return 0, err
	}
	tag := tagOf(hash)
	for _, line := range lines(hash) {
		first := line * slotsPerLine
		slots := m.Words(off+first*8, slotsPerLine)
		set, ok := matching(slots, tag, place(page, first))
		// A wrong address may lead to an older record of the same key. That nothing is
		// there must be certain as well.
		if !ok {
			return 0, indexDamage(page, errSlot)
		}
		for ; set != 0; set &= set - 1 {
			s := slots[bits.TrailingZeros8(set)]
			if isEmpty(s) {
				continue
			}
			addr := slotAddr(s, x.logStart)
			if same, err := is(addr); same || err != nil {
				return addr, err
			}
		}
	}
	return 0, nil
}

// leaf is a page to which a look-up has led, for hashes that follow and lead there as well:
// those of a layer come in order. It is of no use any more when the directory changes.
type leaf struct {
	pagePlace // m is nil for none
	page      uint32
	depth     uint32
	prefix    uint64 // the first depth bits of all its hashes
}

// reach makes at the page for a hash; at.m is nil if there is none.
func (x *index) reach(at *leaf, hash uint64) error {
	if at.m != nil && hash>>(64-at.depth) == at.prefix {
		return nil
	}
	at.m = nil
	depth, page, err := x.lookup(hash)
	if page == 0 || err != nil {
		return err
	}
	at.depth, at.page, at.prefix = depth, page, hash>>(64-depth)
	at.m, at.off, err = x.chunk(page)
	return err
}

// put makes the key's slot point at addr. old is the address it holds now, 0 for none.
func (x *index) put(at *leaf, hash, addr, old uint64) error {
	if old != 0 {
		return x.replace(at, hash, old, makeSlot(hash, addr))
	}
	for {
		err := x.reach(at, hash)
		if err != nil {
			return err
		}
		if at.m == nil {
			err = x.newPage(hash)
		} else {
			var done bool
			if done, err = at.fill(hash, makeSlot(hash, addr)); done {
				return err
			}
			if err == nil {
				err = x.split(hash, at.page, at.depth)
				at.m = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// delete empties the key's slot, which holds the address old.
func (x *index) delete(at *leaf, hash, old uint64) error { return x.replace(at, hash, old, 0) }

// replace overwrites the slot of a key.
func (x *index) replace(at *leaf, hash, old, with uint64) error {
	if err := x.reach(at, hash); err != nil {
		return err
	}
	if at.m == nil {
		return indexDamage(0, errLostSlot)
	}
	was := makeSlot(hash, old)
	for _, line := range lines(hash) {
		for i, s := range at.m.Words(at.off+line*lineSize, slotsPerLine) {
			n := line*slotsPerLine + i
			if s&slotMask == was && intact(s, place(at.page, n)) {
				at.m.Store64(at.off+n*8, sealed(with, place(at.page, n)))
				return nil
			}
		}
	}
	return indexDamage(at.page, errLostSlot)
}

// fill puts a slot into the emptier of the key's two lines; false if both are full.
func (at *leaf) fill(hash, slot uint64) (bool, error) {
	best, most := 0, 0
	for _, line := range lines(hash) {
		empty := emptySlots(at.m.Words(at.off+line*lineSize, slotsPerLine))
		if n := bits.OnesCount8(empty); n > most {
			best, most = line*slotsPerLine+bits.Len8(empty)-1, n
		}
	}
	if most == 0 {
		return false, nil
	}
	if !intact(at.m.Load64(at.off+best*8), place(at.page, best)) {
		return false, indexDamage(at.page, errSlot)
	}
	at.m.Store64(at.off+best*8, sealed(slot, place(at.page, best)))
	return true, nil
}

// reconcile makes addr (0: nothing) the only thing that the index says of a key,
// whatever it says now. Recovery uses it, where the index may hold any state between
// the mark and the end of the log.
func (x *index) reconcile(hash, addr uint64, is func(addr uint64) (bool, error)) error {
	var at leaf
	here, err := x.find(hash, func(a uint64) (bool, error) { return a == addr, nil })
	for err == nil {
		var other uint64
		other, err = x.find(hash, func(a uint64) (bool, error) {
			if a == addr {
				return false, nil
			}
			return is(a)
		})
		switch {
		case err != nil:
		case other == 0 && here == addr:
			return nil
		case other == 0:
			return x.put(&at, hash, addr, 0)
		case here == addr:
			err = x.delete(&at, hash, other)
		default:
			err = x.put(&at, hash, addr, other)
			here = addr
		}
	}
	return err
}

// grow makes the file hold at least pages pages.
func (x *index) grow(pages uint64) error {
	need := int64(pages) * pageSize
	if need <= x.size {
		return nil
	}
	step := min(max(x.size/4, 16*pageSize), chunkSize)
	size := max(need, (x.size+step)/pageSize*pageSize)
	if size > int64(len(x.chunks))*chunkSize {
		x.chunks = growAtomic(x.chunks, int((size+chunkSize-1)/chunkSize))
	}
	if err := x.file.Allocate(x.size, size-x.size); err != nil {
		if size == need {
			return err
		}
		size = need
		if err = x.file.Allocate(x.size, size-x.size); err != nil {
			return err
		}
	}
	x.size = size
	return nil
}

// growAtomic returns s with room for n elements.
func growAtomic[T any](s []atomic.Pointer[T], n int) []atomic.Pointer[T] {
	grown := make([]atomic.Pointer[T], n)
	for i := range s {
		grown[i].Store(s[i].Load())
	}
	return grown
}

// writeSoft records the state in the older soft header. Whoever dies in the middle leaves
// the newer one, and nothing has happened since that was written.
func (x *index) writeSoft() error {
	x.h.seq++
	m, off, err := x.chunk(0)
	if err != nil {
		return err
	}
	m.Fill(off+x.headerPlace(soft), x.h.encode())
	return nil
}

const (
	hard = 0
	soft = 1
)

// writeSoftTwice makes sure that neither soft header speaks of what was before, even if
// the other one is damaged: where the directory is, or that it is whole.
func (x *index) writeSoftTwice() error {
	if err := x.writeSoft(); err != nil {
		return err
	}
	return x.writeSoft()
}

// headerPlace returns where the next header of a kind goes.
func (x *index) headerPlace(kind int) int {
	i := x.next[kind]
	x.next[kind] = 1 - i
	return headerSpacing * (2*kind + i)
}

// createIndex makes an empty index file, with what h says of the log.
func createIndex(fs vfs.FS, dir, boot string, h header) (*index, error) {
	name := join(dir, indexName)
	f, err := fs.OpenFile(name+tmpSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	x := &index{file: f, logStart: h.mark.addr - segmentHeader, h: h}
	id, err := f.Identity()
	if err == nil {
		err = x.grow(2)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	x.h.dir, x.h.pages, x.h.boot = area{page: 1, depth: minDepth}, 2, bootHash(boot, id)
	if err = x.clearDirectory(x.h.dir); err == nil {
		err = x.writeSoft()
	}
	if err == nil {
		// An index that this one replaces stays on the disk as it is: until the directory
		// is synced a power cut may bring it back.
		err = fs.Rename(name+tmpSuffix, name)
	}
	return x, err
}

// bootHash identifies a boot and a file: a soft header with another one is void.
func bootHash(boot string, id [2]uint64) uint64 { return siphash(id[0], id[1], []byte(boot)) }

// openIndex opens the index file of a database and chooses the header to go by.
// trusted is false if that is a hard one: then the log must be redone from its mark.
// errNoIndex says that the file is of no use and must be made again; what its headers
// still say of the log is in x.h then, if x is not nil.
func openIndex(fs vfs.FS, dir string, uuid [16]byte, logStart uint64, boot string, readOnly bool) (x *index, trusted bool, err error) {
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	f, err := fs.OpenFile(join(dir, indexName), flag)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, false, errNoIndex
	}
	if err != nil {
		return nil, false, err
	}
	x = &index{file: f, readOnly: readOnly, logStart: logStart}
	if x.size, err = f.Size(); err == nil && x.size < 2*pageSize {
		err = errNoIndex
	}
	if err == nil {
		x.chunks = make([]atomic.Pointer[vfs.Mapping], (x.size+chunkSize-1)/chunkSize)
		trusted, err = x.readHeaders(uuid, boot)
	}
	if err != nil {
		x.close()
	}
	return x, trusted, err
}

var errNoIndex = errors.New("no usable index")

func (x *index) readHeaders(uuid [16]byte, boot string) (trusted bool, err error) {
	id, err := x.file.Identity()
	if err != nil {
		return false, err
	}
	m, off, err := x.chunk(0)
	if err != nil {
		return false, err
	}
	var newest [2]header
	for i := range 4 {
		h, ok := decodeHeader(m.Data[off+i*headerSpacing:][:indexHeader], uuid)
		if kind := i / 2; ok && h.seq > newest[kind].seq {
			newest[kind], x.next[kind] = h, 1-i%2
		}
	}
	if x.hard = newest[hard]; !x.reaches(&x.hard) {
		x.hard = header{synced: x.hard.synced} // of no other use
	}
	soft, own := newest[soft], bootHash(boot, id)
	if soft.seq > 0 && soft.boot == own && boot != "" && soft.flags&(flagBusy|flagSpoiled) == 0 && x.reaches(&soft) {
		x.h = soft
		return true, nil
	}
	x.h = x.hard
	x.h.seq = max(x.hard.seq, soft.seq)
	x.h.boot = own
	x.h.synced = max(x.hard.synced, soft.synced)
	x.h.flags = flagBusy // until resume is done
	if soft.boot == own {
		x.h.flags |= soft.flags
	}
	if x.hard.seq == 0 || x.h.flags&flagSpoiled != 0 {
		return false, errNoIndex
	}
	x.h.thaw()
	return false, nil
}

// reaches tells whether what a header speaks of lies within the file.
func (x *index) reaches(h *header) bool {
	inside := func(a area) bool {
		return a.depth >= minDepth && a.depth <= maxDepth && (int64(a.page)+int64(a.pages()))*pageSize <= x.size
	}
	return inside(h.dir) && (h.frozen.depth == 0 || inside(h.frozen)) && h.pages <= uint64(x.size/pageSize)
}

func (x *index) close() error {
	for i := range x.chunks {
		if m := x.chunks[i].Load(); m != nil {
			m.Unmap()
		}
	}
	x.chunks = nil
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}

// isNoSpace tells whether an error means that the disk, or its quota, is full, and
// nothing has been lost.
func isNoSpace(err error) bool {
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, errIndexFull)
	return full && !errors.Is(err, errWrite)
}
