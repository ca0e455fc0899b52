package engine

import "testing"

func TestObsolete(t *testing.T) {
	g := geometry{minSegmentBits}
	at := g.start(3)
	var o obsolete
	for _, addr := range []uint64{at, at + 8, g.start(4) - segmentHeader - 8, g.start(3 + obsoleteSegments - 1)} {
		if o.has(g, addr) {
			t.Errorf("%#x is obsolete before it is marked", addr)
		}
		o.mark(g, addr, at)
		if !o.has(g, addr) {
			t.Errorf("%#x is not obsolete although it was marked", addr)
		}
	}
	if o.has(g, at+16) {
		t.Error("a record is obsolete because the one before it is")
	}
	for name, addr := range map[string]uint64{"behind compaction": g.start(2), "too far before it": g.start(3 + obsoleteSegments)} {
		if o.mark(g, addr, at); o.has(g, addr) {
			t.Errorf("%#x, %s, is followed", addr, name)
		}
	}
	// The memory of a segment that was compacted serves another one, which has its own marks.
	next := g.start(3+obsoleteSegments) + 64
	if o.mark(g, next, g.start(4)); !o.has(g, next) || o.has(g, next-64) || o.has(g, at) {
		t.Error("marks of the segment before are still there")
	}
}
