package vfs

import (
	"maps"
	"math/rand/v2"
)

// sector is the unit that a disk writes whole or not at all.
type sector [512]byte

const sectorSize = int64(len(sector{}))

// disk is what of a file or directory is on stable storage.
type disk struct {
	entries map[string]*node // of a directory
	size    int64            // of a file

	// The content of the disk where it may differ from the file's: sectors
	// written since the last sync, and sectors that a failed sync has lost: the
	// kernel takes them for written. All others are the same.
	dirty, lost map[int64]*sector

	written map[int64]bool // pages that were ever written: the others are zeros, and need no copy
}

func newDisk(n *node) *disk {
	d := &disk{dirty: map[int64]*sector{}, lost: map[int64]*sector{}, written: map[int64]bool{}}
	if n.entries != nil {
		d.entries = map[string]*node{}
	}
	return d
}

func diskEntries(dir *node) map[string]*node { return dir.disk.entries }

// soil is told of each change of [off, off+n) before it is made.
func (n *node) soil(off, length int64) {
	if length == 0 {
		return
	}
	d := n.disk
	for s := off / sectorSize; s <= (off+length-1)/sectorSize; s++ {
		d.written[s*sectorSize/int64(len(page{}))] = true
		if _, ok := d.dirty[s]; ok {
			continue
		}
		if old, ok := d.lost[s]; ok {
			d.dirty[s] = old
			delete(d.lost, s)
			continue
		}
		old := new(sector)
		n.content.copyOut(old[:], s*sectorSize)
		d.dirty[s] = old
	}
}

// soilCut is told before the file is cut to size.
func (n *node) soilCut(size int64) {
	for i := range n.disk.written {
		from := i * int64(len(page{}))
		if to := from + int64(len(page{})); to > size {
			n.soil(max(from, size), to-max(from, size))
		}
	}
}

// choice picks sectors, always the same ones.
type choice struct {
	salt  uint64
	share float64 // of all, from 0 to 1
}

func choose(rng *rand.Rand, share float64) choice { return choice{rng.Uint64(), share} }

func (c choice) picks(s int64) bool {
	x := c.salt + uint64(s)*0x9e3779b97f4a7c15 // SplitMix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11)/(1<<53) < c.share
}

// write puts those dirty sectors of [off, off+n) on the disk that are picked.
func (d *disk) write(c choice, off, n int64) {
	maps.DeleteFunc(d.dirty, func(s int64, _ *sector) bool { return overlaps(s, off, n) && c.picks(s) })
}

// fail is a sync of [off, off+n) that fails: of the dirty sectors the picked ones
// are on the disk, and the kernel believes the same of the others.
func (d *disk) fail(c choice, off, n int64) {
	d.write(c, off, n)
	for s, old := range d.dirty {
		if overlaps(s, off, n) {
			d.lost[s] = old
			delete(d.dirty, s)
		}
	}
}

func overlaps(s, off, n int64) bool { return (s+1)*sectorSize > off && s*sectorSize < off+n }

// losePower makes a file what a reboot finds: of the unsynced sectors and sizes
// the new ones, with probability keep, or else the old.
func (n *node) losePower(rng *rand.Rand, keep float64) {
	c, d := choose(rng, keep), n.disk
	now := n.content.size
	n.content.size = max(now, d.size)
	for s, old := range d.dirty {
		if !c.picks(s) {
			n.overwrite(old[:], s*sectorSize)
		}
	}
	for s, old := range d.lost {
		n.overwrite(old[:], s*sectorSize)
	}
	n.content.truncate(survivingSize(rng, keep, d.size, now))
	d.size = n.content.size
	clear(d.dirty)
	clear(d.lost)
}

// overwrite changes a file and its disk alike.
func (n *node) overwrite(b []byte, off int64) {
	n.content.copyIn(b, off)
	for i := off / int64(len(page{})); i <= (off+int64(len(b)))/int64(len(page{})); i++ {
		n.disk.written[i] = true
	}
}

// survivingSize is the old or the new size, or, as the kernel moves the end of a
// growing file while it writes the data, one between.
func survivingSize(rng *rand.Rand, keep float64, old, now int64) int64 {
	kept, between := rng.Float64() < keep, rng.Float64() < .5
	switch {
	case kept:
		return now
	case keep > 0 && between && now > old:
		return min(now, (old+rng.Int64N(now-old))/sectorSize*sectorSize+sectorSize)
	}
	return old
}

// clone copies a node and all that can be reached from it, now or after a power
// loss. done holds the copies made so far.
func (n *node) clone(done map[*node]*node) *node {
	if n == nil {
		return nil
	}
	if c, ok := done[n]; ok {
		return c
	}
	c := &node{inode: n.inode}
	done[n] = c
	c.disk = &disk{
		size:    n.disk.size,
		dirty:   maps.Clone(n.disk.dirty), // sectors never change
		lost:    maps.Clone(n.disk.lost),
		written: maps.Clone(n.disk.written),
	}
	if n.entries != nil {
		c.entries = cloneEntries(n.entries, done)
		c.disk.entries = cloneEntries(n.disk.entries, done)
	}
	c.content.size = n.content.size
	var p page
	for i := range n.disk.written {
		n.content.copyOut(p[:], i*int64(len(p)))
		c.content.copyIn(p[:], i*int64(len(p)))
	}
	return c
}

func cloneEntries(entries map[string]*node, done map[*node]*node) map[string]*node {
	c := make(map[string]*node, len(entries))
	for name, n := range entries {
		c[name] = n.clone(done)
	}
	return c
}
