package engine

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestTornTail damages what a database wrote behind the watermark, from each offset on,
// in each of the ways in which a power cut can: what was whole before must be there, the
// rest is gone without an error, and the database goes on.
func TestTornTail(t *testing.T) {
	eachSeed(t, 2, 8, func(t *testing.T, seed uint64) {
		tail := newTornTail(t, seed, count(4<<10, 64<<10-segmentHeader-reserve))
		r := rand.New(rand.NewPCG(seed, 6))
		stride := count(19, 1)
		for from := tail.synced + int64(seed)%int64(stride); from < tail.end; from += int64(stride) {
			for what, b := range tail.damages(r, from) {
				for _, boot := range []string{"killed", "power lost"} {
					fs := tail.fs.Killed()
					if boot == "power lost" {
						fs = tail.fs.PowerLost(1)
					}
					tail.put(t, fs, from, b)
					c := crash{at{t, fmt.Sprintf("%s from offset %d, %s", what, from, boot)}, tail.script, progress{}}
					c.torn(fs, tail.whole(b, from), from%8 == 0)
				}
			}
		}
	})
}

// tornTail is a database of one segment of which the end has not been synced.
type tornTail struct {
	fs     *vfs.Crash
	script *script
	log    []byte  // the segment
	synced int64   // offset up to which it is synced
	end    int64   // of the log
	ends   []int64 // offsets at which transactions end; ends[0] is synced
	first  int     // how many there are up to synced
}

const tornSegment = testDir + "/0000000000000001.log"

// newTornTail writes transactions until size bytes are not synced.
func newTornTail(t *testing.T, seed uint64, size int) *tornTail {
	tail := &tornTail{fs: vfs.NewCrash(seed, vfs.CrashOptions{}), script: &script{states: []map[string]Item{{}}}}
	newTestDatabase(t, tail.fs, testDir)
	r := rand.New(rand.NewPCG(seed, 7))
	now := int64(0)
	db := openTest(t, tail.fs, testDir, &now)
	m := newModel()
	transact := func() {
		o := op{key: crowdedKeys()[r.IntN(len(crowdedKeys()))], item: Item{Type: TypeString, Value: bytes.Repeat([]byte{'v'}, r.IntN(200))}}
		if r.IntN(4) == 0 {
			o.kind = opDelete
		}
		ops := []op{o, {key: "last", item: Item{Type: TypeString, Value: fmt.Append(nil, len(tail.script.states))}}}
		if err := (&step{ops: ops}).transact(db, new(progress)); err != nil {
			t.Fatal(err)
		}
		m.apply(ops)
		tail.script.states = append(tail.script.states, maps.Clone(m.items))
		tail.ends = append(tail.ends, db.log.offset(db.committed))
	}
	for range 5 {
		transact()
	}
	if err := db.Sync(); err != nil {
		t.Fatal(err)
	}
	if seed%2 == 1 { // so that a power cut does not leave it without an index
		if err := db.syncIndex(func() bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	tail.first, tail.synced, tail.ends = 5, db.log.offset(db.synced), tail.ends[4:]
	for db.log.offset(db.committed) < tail.synced+int64(size)-300 {
		transact()
	}
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
	tail.end = db.log.offset(db.committed)
	tail.log = tail.fs.Bytes(tornSegment)
	return tail
}

// damages are what can be in the segment from an offset on, nil for nothing.
func (tail *tornTail) damages(r *rand.Rand, from int64) map[string][]byte {
	n := int64(len(tail.log)) - from
	random := make([]byte, min(n, 600))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	// Stale bytes are the log's own, of an earlier place: whole frames, if that is what
	// stands there.
	stale := slices.Clone(tail.log[from-(tail.ends[1]-tail.ends[0]) : from])
	return map[string][]byte{"cut": nil, "zeros": make([]byte, n), "random bytes": random, "stale bytes": stale}
}

// put makes the damage.
func (tail *tornTail) put(t *testing.T, fs *vfs.Crash, from int64, b []byte) {
	f, err := fs.OpenFile(tornSegment, os.O_RDWR)
	if err == nil && b == nil {
		err = f.Truncate(from)
	} else if err == nil {
		_, err = f.WriteAt(b, from)
	}
	if err == nil {
		err = f.Datasync()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// whole returns after how many transactions a database is that has b at an offset.
func (tail *tornTail) whole(b []byte, from int64) int {
	intact := from
	for i := 0; i < len(b) && b[i] == tail.log[from+int64(i)]; i++ {
		intact++
	}
	i, found := slices.BinarySearch(tail.ends, intact)
	if !found {
		i--
	}
	return tail.first + i
}

// torn checks the state of a database with a torn tail, and perhaps that it goes on.
func (c crash) torn(fs *vfs.Crash, i int, goOn bool) {
	now := int64(0)
	db := c.open(fs, &now)
	c.s.find(c, content(c, db), i, i)
	if goOn {
		c.goOn(fs, db, &now, maps.Clone(c.s.states[i]))
	}
}
