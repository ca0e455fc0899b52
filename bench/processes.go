package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// A crowd is processes that use one database at the same time, none of which knows of the
// others: each increments the same key, in one of the ways of increment.
type crowd struct {
	processes  int
	increments int  // of each
	shells     int  // that stand idle beside them
	servers    bool // start and stop all the while, and have the database in between
	// long is how long a batch goes on beside them that never waits for input.
	long time.Duration
}

// processes measures how long a process of a crowd waits at most for an answer.
func processes(b *bench) error {
	c := crowd{processes: 200, increments: 1000, shells: 3, long: time.Minute}
	for _, c.servers = range []bool{false, true} {
		start := time.Now()
		longest, err := c.run(b)
		if err != nil {
			return err
		}
		beside := fmt.Sprintf("%d shells and a batch of %v", c.shells, c.long)
		if c.servers {
			beside += ", while servers come and go"
		}
		b.print("processes %d x %d INCR beside %s: exact sum in %v", c.processes, c.increments, beside, time.Since(start).Round(time.Millisecond))
		b.print("processes longest wait for an answer: %v (goal: at most 5s)", longest.Round(time.Millisecond))
	}
	return nil
}

// run lets a crowd at a new database and returns the longest time that anybody waited for
// an answer. An error is any process that failed, and any sum that is not exact.
func (c crowd) run(b *bench) (longest time.Duration, err error) {
	db := b.path("crowd.db")
	defer os.RemoveAll(db)
	var wg sync.WaitGroup
	waits := make([]time.Duration, c.processes)
	errs := make([]error, c.processes+1)
	for i := range c.shells {
		end, err := b.idleShell(db)
		if err != nil {
			return 0, fmt.Errorf("shell %d: %w", i, err)
		}
		defer end()
	}
	acknowledged := 0
	wg.Go(func() { acknowledged, errs[c.processes] = b.longBatch(db, c.long) })
	serversEnd := func() error { return nil }
	if c.servers {
		serversEnd = b.comeAndGo(db)
	}
	ways := []increment{(*bench).runEach, (*bench).askEach, (*bench).pipeAll}
	for i := range c.processes {
		wg.Go(func() { waits[i], errs[i] = ways[i%len(ways)](b, db, c.increments) })
	}
	wg.Wait()
	if err := errors.Join(append(errs, serversEnd())...); err != nil {
		return 0, err
	}
	for _, w := range waits {
		longest = max(longest, w)
	}
	want := fmt.Sprintf("%d\n%d\n", c.processes*c.increments+c.shells, acknowledged)
	got, _, err := command{args: []string{b.nubdb, "-d", db, "-c", "GET n", "-c", "GET long"}}.execute()
	if err == nil && string(got) != want {
		err = fmt.Errorf("the sums are %q, want %q", got, want)
	}
	return longest, err
}

// increment increments the key n so many times and returns the longest wait for an answer.
type increment func(b *bench, db string, times int) (time.Duration, error)

// patience is for whoever waits its turn; the wait is measured.
const patience = "--lock-timeout=60"

// runEach runs a process for each increment, as a shell script does.
func (b *bench) runEach(db string, times int) (longest time.Duration, err error) {
	for range times {
		took, err := command{args: []string{b.nubdb, patience, "-d", db, "INCR", "n"}}.timed()
		if err != nil {
			return 0, err
		}
		longest = max(longest, took)
	}
	return longest, nil
}

// askEach asks one process and waits for each answer, as a program with a co-process does.
func (b *bench) askEach(db string, times int) (longest time.Duration, err error) {
	p := exec.Command(b.nubdb, patience, "-d", db)
	in, err := p.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := p.Start(); err != nil {
		return 0, err
	}
	answers := bufio.NewReader(out)
	for range times {
		start := time.Now()
		if _, err := io.WriteString(in, "INCR n\n"); err != nil {
			return 0, err
		}
		if _, err := answers.ReadString('\n'); err != nil {
			return 0, err
		}
		longest = max(longest, time.Since(start))
	}
	in.Close()
	return longest, p.Wait()
}

// pipeAll gives one process all increments at once.
func (b *bench) pipeAll(db string, times int) (time.Duration, error) {
	p := exec.Command(b.nubdb, patience, "-q", "-d", db)
	p.Stdin = strings.NewReader(strings.Repeat("INCR n\n", times))
	start := time.Now()
	err := p.Run()
	return time.Since(start), err
}

// longBatch increments the key long for so long as fast as it can, and returns how many
// increments were acknowledged.
func (b *bench) longBatch(db string, long time.Duration) (int, error) {
	p := exec.Command(b.nubdb, patience, "-d", db)
	in, err := p.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := p.Start(); err != nil {
		return 0, err
	}
	go func() {
		defer in.Close()
		text := strings.Repeat("INCR long\n", 1000)
		for start := time.Now(); time.Since(start) < long; {
			if _, err := io.WriteString(in, text); err != nil {
				return // Wait will say why
			}
		}
	}()
	last := "0"
	for answers := bufio.NewScanner(out); answers.Scan(); {
		last = answers.Text()
	}
	if err := p.Wait(); err != nil {
		return 0, err
	}
	return strconv.Atoi(last)
}

// idleShell starts a shell on a terminal, increments the key n once and leaves it to itself
// until end is called.
func (b *bench) idleShell(db string) (end func(), err error) {
	p := exec.Command(b.nubdb, patience, "-d", db)
	p.Env = append(p.Environ(), "TERM=dumb", "XDG_STATE_HOME="+b.dir)
	terminal, err := pty.Start(p)
	if err != nil {
		return nil, err
	}
	end = func() {
		terminal.Close()
		p.Wait()
	}
	io.WriteString(terminal, "INCR n\n")
	screen := bufio.NewReader(terminal)
	for {
		line, err := screen.ReadString('\n')
		if err != nil {
			end()
			return nil, err
		}
		if strings.Contains(line, "(integer)") {
			return end, nil
		}
	}
}

// comeAndGo starts a server, stops it as soon as it has answered some commands, and so on,
// until end is called.
func (b *bench) comeAndGo(db string) (end func() error) {
	quit, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-quit:
				done <- nil
				return
			default:
			}
			if err := b.serve(db); err != nil {
				<-quit
				done <- err
				return
			}
		}
	}()
	return func() error { close(quit); return <-done }
}

// serve runs a server until it has answered a hundred commands of its own.
func (b *bench) serve(db string) error {
	p := exec.Command(b.nubdb, patience, "-d", db, "--server", "0")
	stderr, err := p.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	log := bufio.NewScanner(stderr)
	for log.Scan() && !strings.Contains(log.Text(), "ready") {
	}
	for range 100 {
		if _, _, err = (command{args: []string{b.nubdb, patience, "-d", db, "PING"}}).execute(); err != nil {
			break
		}
	}
	p.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, stderr)
	return errors.Join(err, p.Wait())
}
