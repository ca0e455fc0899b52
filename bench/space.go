package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/nubdb/nubdb/engine"
)

const (
	spaceKeys = 1000
	spaceRuns = 10_000
	spaceSets = 100 // of each run
	segment   = 16 << 20
)

// space lets many short processes overwrite the same keys, and then a long one do as
// much, and compares what the database takes on the disk with what is alive in it.
func space(b *bench) error {
	db := b.path("space.db")
	runs := spaceRuns
	if n, err := strconv.Atoi(os.Getenv("NUBDB_BENCH_RUNS")); err == nil {
		runs = n
	}
	r := rand.New(rand.NewPCG(3, 4))
	most := int64(0)
	for i := range runs {
		if err := b.overwrite(db, r, spaceSets); err != nil {
			return err
		}
		if i%100 == 99 {
			size, err := diskUse(db)
			if err != nil {
				return err
			}
			most = max(most, size)
		}
	}
	if err := b.printSpace(fmt.Sprintf("%d runs of %d SETs", runs, spaceSets), db, most); err != nil {
		return err
	}
	if err := b.overwrite(db, r, runs*spaceSets); err != nil {
		return err
	}
	return b.printSpace(fmt.Sprintf("one run of %d SETs", runs*spaceSets), db, 0)
}

// overwrite runs the binary with SETs of n keys.
func (b *bench) overwrite(db string, r *rand.Rand, n int) error {
	var in bytes.Buffer
	for range n {
		fmt.Fprintf(&in, "SET key:%04d %s\n", r.IntN(spaceKeys), strings.Repeat("v", 1+r.IntN(200)))
	}
	path := b.path("space.txt")
	if err := os.WriteFile(path, in.Bytes(), 0o600); err != nil {
		return err
	}
	_, _, err := command{args: []string{b.nubdb, "-q", "-d", db}, stdin: path}.execute()
	return err
}

// printSpace prints what a database takes, and the most that it took before.
func (b *bench) printSpace(what, dir string, most int64) error {
	size, err := diskUse(dir)
	if err != nil {
		return err
	}
	db, err := engine.Open(dir, engine.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := db.Stats()
	if err != nil {
		return err
	}
	b.print("space     %s on %d keys: %.1f MiB, at most %.1f; %.2f MiB are alive (goal: at most %.1f)", what, spaceKeys, mib(size),
		mib(max(size, most)), mib(s.LiveBytes), mib(s.LiveBytes*5/2+2*segment))
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// diskUse is the size of all files in a directory, space that is reserved included.
func diskUse(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}
