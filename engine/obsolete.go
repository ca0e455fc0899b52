package engine

// obsolete remembers which of the records that compaction comes to next count no more,
// because newer ones of their keys have been committed: those need no look-up. It
// knows some of them, not all, and nothing that is not so; a process begins without.
type obsolete [obsoleteSegments]struct { // segment n is at n % obsoleteSegments
	num   uint64
	units bitmap // of 8 bytes, where records begin
}

// obsoleteSegments from the one on that is being compacted are followed, which bounds the
// memory: 256 KiB for each, 4 MiB together.
const obsoleteSegments = 16

// compacts tells whether the process lives long enough to come to what it has replaced: what
// a short one would note is of use to nobody.
func (db *DB) compacts() bool { return db.syncer.started.Load() || db.opt.Inline }

// mark says that the record at addr has been replaced; at is where compaction is.
func (o *obsolete) mark(g geometry, addr, at uint64) {
	num := g.number(addr)
	if num-g.number(at) >= obsoleteSegments {
		return // behind compaction, or far before it
	}
	s := &o[num%obsoleteSegments]
	switch {
	case s.units == nil:
		s.units = make(bitmap, g.size()/8/64)
	case s.num != num:
		clear(s.units)
	}
	s.num = num
	s.units.set(uint32(g.offset(addr) / 8))
}

// has tells whether the record at addr is known to have been replaced.
func (o *obsolete) has(g geometry, addr uint64) bool {
	s := &o[g.number(addr)%obsoleteSegments]
	return s.num == g.number(addr) && s.units.has(uint32(g.offset(addr)/8))
}
