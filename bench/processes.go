package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A crowd is processes that use one database at the same time, none of which knows of the
// others: each increments the same key, in one of several ways. Where servers come and go
// clients of Redis take part.
type crowd struct {
	processes  int
	increments int // of each
	shells     int // that stand idle beside them
	// long is how long a batch goes on beside them that never waits for input.
	long time.Duration
	// owner has the database in between, all the while.
	owner owner
}

// owner is who has the database beside the crowd.
type owner int

const (
	nobody        owner = iota
	servers             // start and stop
	killedServers       // start and are killed
)

func (o owner) String() string {
	return [...]string{"nobody else", "servers that come and go", "servers that are killed"}[o]
}

// processes measures how long a process of a crowd waits at most for an answer.
func processes(b *bench) error {
	c := crowd{processes: 200, increments: 1000, shells: 3, long: time.Minute}
	for _, c.owner = range []owner{nobody, servers, killedServers} {
		start := time.Now()
		t, err := c.run(b)
		if err != nil {
			return err
		}
		b.print("processes %d x %d INCR beside %d shells, a batch of %v and %v: %d in doubt, the others counted once, in %v",
			c.processes, c.increments, c.shells, c.long, c.owner, t.doubtful, time.Since(start).Round(time.Millisecond))
		b.print("processes longest wait for an answer: %v (goal: at most 5s)", t.longest.Round(time.Millisecond))
	}
	return nil
}

// tally is what became of a process's increments.
type tally struct {
	longest      time.Duration // wait for an answer
	acknowledged int
	doubtful     int // at most: a server was killed before it answered
}

func (t *tally) add(o tally) {
	t.longest = max(t.longest, o.longest)
	t.acknowledged += o.acknowledged
	t.doubtful += o.doubtful
}

// run lets a crowd at a new database. An error is any process that failed for another reason
// than a killed server, and a sum that is not what was acknowledged, and at most that and what
// is in doubt.
func (c crowd) run(b *bench) (all tally, err error) {
	db := b.path("crowd.db")
	defer os.RemoveAll(db)
	for i := range c.shells {
		end, err := b.idleShell(db)
		if err != nil {
			return tally{}, fmt.Errorf("shell %d: %w", i, err)
		}
		defer end()
	}
	all, long, err := c.atOnce(b, db)
	if err != nil {
		return tally{}, err
	}
	got, _, err := command{args: []string{b.nubdb, "-d", db, "-c", "GET n", "-c", "GET long"}}.execute()
	if err != nil {
		return tally{}, err
	}
	all.acknowledged += c.shells
	sums := strings.Fields(string(got))
	if c.owner != killedServers && all.acknowledged != c.processes*c.increments+c.shells {
		return tally{}, fmt.Errorf("%d increments were acknowledged, want all", all.acknowledged)
	}
	return all, errors.Join(all.check(sums[0]), long.check(sums[1]))
}

// atOnce runs all processes of the crowd. long is the tally of the long batch.
func (c crowd) atOnce(b *bench, db string) (all, long tally, err error) {
	tallies, errs := make([]tally, c.processes), make([]error, c.processes+1)
	end := b.comeAndGo(db, c.owner)
	var wg sync.WaitGroup
	wg.Go(func() { long, errs[c.processes] = b.longBatch(db, c.long) })
	ways := []increment{(*bench).runEach, (*bench).askEach, (*bench).pipeAll}
	if c.owner != nobody {
		ways = append(ways, c.askServers)
	}
	for i := range c.processes {
		wg.Go(func() { tallies[i], errs[i] = ways[i%len(ways)](b, db, c.increments) })
	}
	wg.Wait()
	for _, t := range tallies {
		all.add(t)
	}
	return all, long, errors.Join(append(errs, end())...)
}

// check compares a sum with what was acknowledged.
func (t *tally) check(sum string) error {
	n, err := strconv.Atoi(sum)
	if err == nil && (n < t.acknowledged || n > t.acknowledged+t.doubtful) {
		err = fmt.Errorf("the sum is %d, but %d were acknowledged and %d are in doubt", n, t.acknowledged, t.doubtful)
	}
	return err
}
