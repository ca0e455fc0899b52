package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// busy makes random changes, all in the hashes of one page at first, with everything else
// that happens to an index mixed in.
func (k *indexKeeper) busy(steps int) {
	for range steps {
		switch n := k.rand.IntN(100); {
		case n < 60 || len(k.list) == 0:
			k.put(k.rand.Uint64() >> minDepth)
		case n < 75:
			k.put(k.list[k.rand.IntN(len(k.list))])
		case n < 85:
			k.delete(k.rand.IntN(len(k.list)))
		case n < 90:
			k.mark()
		case n < 93:
			k.freeze()
		case n < 96 && k.x.h.frozen.depth != 0:
			k.finish(func() { k.put(k.rand.Uint64() >> minDepth) })
		case n < 98 && k.x.h.frozen.depth != 0:
			k.syncPages()
			k.must(k.x.writeSoft())
		case n == 99 && k.rand.IntN(20) == 0:
			k.clear()
		}
	}
}

// structure is what changes when anything but a slot does.
func (k *indexKeeper) structure() [5]any {
	return [5]any{k.x.h.dir, k.x.h.pages, k.x.h.frozen, k.x.hard.seq, len(k.x.free)}
}

// untilSplit returns how many keys of a seed there can be before the n-th split.
func untilSplit(t *testing.T, seed uint64, n int) (keys int) {
	k := newIndexKeeper(t, vfs.NewMem(), seed)
	for pages := uint64(0); ; keys++ {
		k.put(k.rand.Uint64() >> minDepth)
		if k.x.h.pages == pages {
			continue
		}
		if pages = k.x.h.pages; keys > 0 {
			n--
		}
		if n < 0 {
			k.x.close()
			return keys
		}
	}
}

// TestIndexCrash stops the process, or the machine, at any store or sync, and again while
// the next process makes up for it. The index is right each time, if what the log says
// behind the mark is done again.
func TestIndexCrash(t *testing.T) {
	for seed := range uint64(count(500, 20_000)) {
		r := rand.New(rand.NewPCG(seed, 8))
		full := untilSplit(t, seed, int(seed%3))
		begin := func() (*vfs.Crash, *indexKeeper) {
			fs := vfs.NewCrash(seed, vfs.CrashOptions{Writeback: []float64{0, 0.01, 0.1}[seed%3]})
			k := newIndexKeeper(t, fs, seed)
			for range full - int(seed/3%15) {
				k.put(k.rand.Uint64() >> minDepth)
			}
			return fs, k
		}
		// A first run without a crash shows which operations are about more than a slot.
		fs, k := begin()
		var hot []int
		first := fs.Ops()
		for range 60 {
			before, from := k.structure(), fs.Ops()
			k.busy(1)
			for n := from; n < fs.Ops() && before != k.structure(); n++ {
				hot = append(hot, n+1)
			}
		}
		hot = append(hot, first+1+r.IntN(fs.Ops()-first))

		fs, k = begin()
		fs.CrashAt(hot[r.IntN(len(hot))])
		story := fmt.Sprintf("seed %d", seed)
		for work := (func() { k.busy(100) }); ; work = func() { k.open(); k.busy(20) } {
			from := fs.Ops()
			if !fs.Run(work) {
				break
			}
			keep := []float64{-1, -1, 0, 0.1, 0.5, 0.9, 1}[r.IntN(7)]
			story += fmt.Sprintf(", %d operations, keep %v", fs.Ops()-from, keep)
			if keep < 0 {
				fs = fs.Killed()
			} else {
				fs = fs.PowerLost(keep)
			}
			k.fs, k.boot = fs, fs.BootID()
			if r.IntN(3) > 0 {
				fs.CrashAt(fs.Ops() + 1 + r.IntN(60))
			}
		}
		k.check()
		if t.Failed() {
			t.Fatal(story)
		}
		k.x.close()
	}
}

// TestIndexSyncResumed: a process that finds a hard header which nobody has waited for
// waits for it, before it uses a page again that the header before leads to.
func TestIndexSyncResumed(t *testing.T) {
	for n := 1; ; n++ { // the operation of writeHard in which the process dies
		fs := vfs.NewCrash(uint64(n), vfs.CrashOptions{})
		k := newIndexKeeper(t, fs, 1)
		for range 2 {
			k.put(k.newKey())
			k.freeze()
			k.finish(func() {})
		}
		k.put(k.newKey())
		k.freeze()
		for !k.syncPages() {
		}
		h := k.x.hardHeader()
		fs.CrashAt(fs.Ops() + n)
		if !fs.Run(func() { k.must(k.x.writeHard(h)) }) {
			break
		}

		next := fs.Killed()
		k.fs = next
		if !k.open() {
			t.Fatalf("operation %d: not trusted after the death of a process", n)
		}
		found := k.x.hard
		after := next.PowerLost(0)
		k.fs, k.boot = after, after.BootID()
		if k.open() {
			t.Fatalf("operation %d: trusted after a power cut", n)
		}
		if k.x.hard != found {
			t.Errorf("operation %d: the hard header %d counts, but pages of it may have been used again: there was %d", n, k.x.hard.seq, found.seq)
		}
		k.check()
	}
}

// TestIndexSyncPieces: a sync is cut in pieces of bounded size, and short processes, each
// of which does a few, complete one together.
func TestIndexSyncPieces(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 1)
	for range 30_000 {
		k.put(k.newKey())
	}
	k.freeze()
	pages, pieces := k.x.h.frozenPages, 0
	for done := false; !done; pieces++ {
		before := k.x.h.cursor
		done = k.syncPages()
		if n := k.x.h.cursor - before; n == 0 || n > syncPiece {
			t.Fatalf("a piece of %d pages", n)
		}
		k.put(k.list[0])
		k.mark()
		k.reopen(true)
	}
	if k.x.h.cursor != pages || pieces < 3 {
		t.Errorf("%d of %d pages synced in %d pieces", k.x.h.cursor, pages, pieces)
	}
	// A process that was stopped after the last piece leaves nothing to sync but the
	// header, even where the file ends with a mapped chunk.
	k.must(k.x.grow(chunkPages))
	if k.x.size != chunkSize {
		t.Fatalf("the file has %d bytes", k.x.size)
	}
	k.x.h.cursor, k.x.h.frozenPages = chunkPages, chunkPages
	if !k.syncPages() {
		t.Error("all pages are synced, but one more piece does not say so")
	}
}

// TestIndexSyncDue: a sync is due after so many bytes of log, and as long as one is under way.
func TestIndexSyncDue(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 1)
	due := func(want bool) {
		t.Helper()
		if got := k.x.syncDue(4096); got != want {
			t.Errorf("due: %v, want %v; mark %#x", got, want, k.x.h.mark.addr)
		}
	}
	due(false)
	for k.next < firstAddr+4096 {
		due(false)
		k.put(k.newKey())
		k.mark()
	}
	due(true)
	k.freeze()
	due(true)
	k.finish(func() {})
	due(false)
	k.freeze()
	due(true)
}
