package engine

import (
	"encoding/binary"
	"slices"
)

// A directory is an array of 2^depth words in consecutive pages of the index file.
// Word i leads to the page of the hashes that begin with the bits of i:
//
//	 63     58       38 37     32 31            0
//	+---------+--------+---------+---------------+
//	| check   | 0      | depth   | page          |
//	+---------+--------+---------+---------------+
//
// depth is how many bits the page itself is about: 2^(directory's - page's) words in
// a row lead to it. Page 0 means that there are no keys there yet.

func dirWord(page, depth uint32) uint64 { return uint64(page) | uint64(depth)<<32 }

// dirPlace is what the check of word i of a directory is seeded with.
func dirPlace(a area, i uint64) uint64 { return ^(uint64(a.page)<<32 | i) }

// lookup returns the page for a hash, 0 for none, and its depth.
func (x *index) lookup(hash uint64) (depth, page uint32, err error) {
	return x.word(x.h.dir, hash>>(64-x.h.dir.depth))
}

// word reads word i of a directory.
func (x *index) word(a area, i uint64) (depth, page uint32, err error) {
	m, off, err := x.chunk(a.page + uint32(i/dirPerPage))
	if err != nil {
		return 0, 0, err
	}
	w := m.Load64(off + int(i%dirPerPage)*8)
	depth, page = uint32(w>>32&63), uint32(w)
	if !intact(w, dirPlace(a, i)) || depth < minDepth || depth > a.depth {
		return 0, 0, indexDamage(a.page+uint32(i/dirPerPage), errDirectory)
	}
	return depth, page, nil
}

// setRange leads all the hashes that begin with the depth bits of prefix to a page.
func (x *index) setRange(prefix uint64, page, depth uint32) error {
	a := x.h.dir
	first := prefix << (a.depth - depth)
	for i := first; i < first+1<<(a.depth-depth); i++ {
		m, off, err := x.chunk(a.page + uint32(i/dirPerPage))
		if err != nil {
			return err
		}
		m.Store64(off+int(i%dirPerPage)*8, sealed(dirWord(page, depth), dirPlace(a, i)))
	}
	return nil
}

// writeDirectory fills a directory, page by page, with what word says.
func (x *index) writeDirectory(a area, word func(i uint64) (uint64, error)) error {
	n := uint64(1) << a.depth
	for i := uint64(0); i < n; i += dirPerPage {
		var image [pageSize]byte
		for j := i; j < min(i+dirPerPage, n); j++ {
			w, err := word(j)
			if err != nil {
				return err
			}
			binary.LittleEndian.PutUint64(image[(j-i)*8:], sealed(w, dirPlace(a, j)))
		}
		m, off, err := x.chunk(a.page + uint32(i/dirPerPage))
		if err != nil {
			return err
		}
		m.Fill(off, image[:])
	}
	return nil
}

// clearDirectory makes a directory that leads nowhere.
func (x *index) clearDirectory(a area) error {
	return x.writeDirectory(a, func(uint64) (uint64, error) { return dirWord(0, minDepth), nil })
}

// copyDirectory fills directory to, as large as from or larger, with what from says.
func (x *index) copyDirectory(to, from area) error {
	return x.writeDirectory(to, func(i uint64) (uint64, error) {
		depth, page, err := x.word(from, i>>(to.depth-from.depth))
		return dirWord(page, depth), err
	})
}

// double gives the directory one bit more.
func (x *index) double() error {
	old := x.h.dir
	if old.depth == maxDepth {
		return errIndexFull
	}
	to, err := x.newArea(old.depth + 1)
	if err != nil {
		return err
	}
	if err := x.copyDirectory(to, old); err != nil {
		return err
	}
	x.h.dir = to
	if err := x.writeSoftTwice(); err != nil {
		return err
	}
	x.freeArea(old)
	return nil
}

// newArea allocates the pages of a directory.
func (x *index) newArea(depth uint32) (area, error) {
	a := area{depth: depth}
	page, err := x.allocRun(a.pages())
	a.page = page
	return a, err
}

// newPage puts an empty page where the directory leads nowhere for a hash.
func (x *index) newPage(hash uint64) error {
	page, err := x.allocRun(1)
	if err != nil {
		return err
	}
	var image [pageSize]byte
	clearSlots(&image, page)
	if err := x.fillPage(page, &image); err != nil {
		return err
	}
	return x.turn(func() error { return x.setRange(hash>>(64-minDepth), page, minDepth) })
}

// split distributes the slots of a page, which keep their places, over two new ones
// by the next bit of their hashes.
func (x *index) split(hash uint64, page, depth uint32) error {
	if depth == x.h.dir.depth {
		if err := x.double(); err != nil {
			return err
		}
	}
	var pages [2]uint32
	for i := range pages {
		p, err := x.allocRun(1)
		if err != nil {
			return err
		}
		pages[i] = p
	}
	if err := x.distribute(page, depth, pages); err != nil {
		return err
	}
	prefix := hash >> (64 - depth)
	err := x.turn(func() error {
		if err := x.setRange(prefix<<1, pages[0], depth+1); err != nil {
			return err
		}
		return x.setRange(prefix<<1|1, pages[1], depth+1)
	})
	if err == nil {
		x.freePage(page)
	}
	return err
}

// distribute fills two new pages with the slots of a page at depth.
func (x *index) distribute(page, depth uint32, to [2]uint32) error {
	m, off, err := x.chunk(page)
	if err != nil {
		return err
	}
	bit := splitBit(depth)
	if x.images == nil {
		x.images = new([2][pageSize]byte)
	}
	images := x.images
	for side := range to {
		clearSlots(&images[side], to[side])
	}
	for i := range slotsPerPage {
		s := m.Load64(off + i*8)
		if !intact(s, place(page, i)) {
			return indexDamage(page, errSlot)
		}
		if !isEmpty(s) {
			side := s >> bit & 1
			putSlot(&images[side], to[side], i, s)
		}
	}
	for side := range to {
		if err := x.fillPage(to[side], &images[side]); err != nil {
			return err
		}
	}
	return nil
}

// clearSlots makes all slots of a page empty.
func clearSlots(image *[pageSize]byte, page uint32) {
	for i := range slotsPerPage {
		putSlot(image, page, i, 0)
	}
}

func putSlot(image *[pageSize]byte, page uint32, i int, slot uint64) {
	binary.LittleEndian.PutUint64(image[i*8:], sealed(slot, place(page, i)))
}

func (x *index) fillPage(page uint32, image *[pageSize]byte) error {
	m, off, err := x.chunk(page)
	if err == nil {
		m.Fill(off, image[:])
	}
	return err
}

// turn runs a change of several directory words between two headers of which the
// first says that the directory is not to be trusted.
func (x *index) turn(change func() error) error {
	x.h.flags |= flagBusy
	if err := x.writeSoftTwice(); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	x.h.flags &^= flagBusy
	return x.writeSoft()
}

// clearAll installs an empty directory.
func (x *index) clearAll() error {
	a, err := x.newArea(minDepth)
	if err != nil {
		return err
	}
	if err := x.clearDirectory(a); err != nil {
		return err
	}
	x.h.dir = a
	if err := x.writeSoftTwice(); err != nil {
		return err
	}
	x.scanned = false // nearly all pages became free
	return nil
}

// allocRun takes n consecutive pages that no directory reaches.
func (x *index) allocRun(n uint32) (uint32, error) {
	if !x.scanned {
		if err := x.scan(); err != nil {
			return 0, err
		}
	}
	if n == 1 && len(x.free) > 0 {
		page := x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
		return page, nil
	}
	if page, ok := x.takeRun(n); ok {
		return page, nil
	}
	if x.h.pages+uint64(n) > maxChunks*chunkPages {
		return 0, errIndexFull
	}
	if err := x.grow(x.h.pages + uint64(n)); err != nil {
		return 0, err
	}
	page := uint32(x.h.pages)
	x.h.pages += uint64(n)
	return page, nil
}

// takeRun takes n consecutive pages from the free ones.
func (x *index) takeRun(n uint32) (uint32, bool) {
	if n < 2 || len(x.free) < int(n) {
		return 0, false
	}
	slices.Sort(x.free)
	for i := 0; i+int(n) <= len(x.free); i++ {
		if x.free[i+int(n)-1] == x.free[i]+n-1 {
			page := x.free[i]
			x.free = slices.Delete(x.free, i, i+int(n))
			return page, true
		}
	}
	return 0, false
}

// freePage gives back a page that the directory no longer leads to. If a directory
// that may be needed after a power cut still does, scan finds it later.
func (x *index) freePage(page uint32) {
	if x.scanned && !x.pinned.has(page) {
		x.free = append(x.free, page)
	}
}

func (x *index) freeArea(a area) {
	for p := range a.pages() {
		x.freePage(a.page + p)
	}
}

// scan finds the pages that no directory reaches. No list of them is kept on disk:
// reading the directories takes 0.1 ms per ten million keys, and only a process that
// splits a page needs it.
func (x *index) scan() error {
	x.pinned = nil
	for _, a := range []area{x.hard.dir, x.h.frozen} {
		if a.depth != 0 {
			if err := x.markReached(&x.pinned, a); err != nil {
				return err
			}
		}
	}
	used := slices.Clone(x.pinned)
	if err := x.markReached(&used, x.h.dir); err != nil {
		return err
	}
	used.set(0)
	// Pages taken since the last header was written count as well.
	x.h.pages = max(x.h.pages, uint64(used.end()))
	x.free = x.free[:0]
	for p := range uint32(x.h.pages) {
		if !used.has(p) {
			x.free = append(x.free, p)
		}
	}
	x.scanned = true
	return nil
}

// markReached marks a directory's own pages and all it leads to.
func (x *index) markReached(b *bitmap, a area) error {
	for p := range a.pages() {
		b.set(a.page + p)
	}
	for i := uint64(0); i < 1<<a.depth; {
		depth, page, err := x.word(a, i)
		if err != nil {
			return err
		}
		if (int64(page)+1)*pageSize > x.size {
			return indexDamage(page, errDirectory)
		}
		b.set(page)
		i += 1 << (a.depth - depth)
	}
	return nil
}

// bitmap is a set of page numbers.
type bitmap []uint64

func (b bitmap) has(i uint32) bool {
	return int(i/64) < len(b) && b[i/64]>>(i%64)&1 == 1
}

func (b *bitmap) set(i uint32) {
	for int(i/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

// end is a number greater than all in the set.
func (b bitmap) end() uint32 {
	for n := len(b) - 1; n >= 0; n-- {
		for i := 63; i >= 0; i-- {
			if b[n]>>i&1 == 1 {
				return uint32(n*64+i) + 1
			}
		}
	}
	return 0
}
