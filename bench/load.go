package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	loadCommands = 1_000_000
	loadRuns     = 7
)

// load measures a million random SETs from a file into a new database, durable at exit.
func load(b *bench) error {
	path := b.path("load.txt")
	r := rand.New(rand.NewPCG(1, 2))
	if err := writeSets(path, loadCommands, func(int) int { return r.IntN(10 * loadCommands) }); err != nil {
		return err
	}
	var wall, cpu times
	anonymous := 0
	for range loadRuns {
		w, c, kib, err := b.loadOnce(path)
		if err != nil {
			return err
		}
		wall, cpu = append(wall, w), append(cpu, c)
		anonymous = max(anonymous, kib)
	}
	rate := func(t times) float64 { return loadCommands / t.median().Seconds() / 1e6 }
	b.print("load      %d random SETs: %v; %.2f M/s (goal: at least 2)", loadCommands, wall, rate(wall))
	b.print("load      processor time: %v; %.2f M/s on one core", cpu, rate(cpu))
	b.print("load      peak anonymous memory: %.1f MiB (goal: under 64)", float64(anonymous)/1024)
	return nil
}

// loadOnce loads a new database and returns the time of the process, its processor time
// and the most anonymous memory it had, in KiB.
func (b *bench) loadOnce(path string) (wall, cpu time.Duration, anonymous int, err error) {
	db := b.path("load.db")
	if err := os.RemoveAll(db); err != nil {
		return 0, 0, 0, err
	}
	in, err := os.Open(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer in.Close()
	p := exec.Command(b.nubdb, "-d", db)
	p.Stdin = in
	start := time.Now()
	if err := p.Start(); err != nil {
		return 0, 0, 0, err
	}
	done := make(chan error, 1)
	go func() { done <- p.Wait() }()
	sample := time.NewTicker(20 * time.Millisecond)
	defer sample.Stop()
	for {
		select {
		case err := <-done:
			wall = time.Since(start)
			return wall, p.ProcessState.UserTime() + p.ProcessState.SystemTime(), anonymous, err
		case <-sample.C:
			anonymous = max(anonymous, anonymousKiB(p.Process.Pid))
		}
	}
}

// anonymousKiB is what the kernel says of a process's memory that no file backs; 0 where
// it does not say.
func anonymousKiB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kib
		}
	}
	return 0
}
