package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// keys of the large database that open compares with one of ten.
const manyKeys = 10_000_000

// open compares opening, three commands and leaving on ten keys and on ten million, after
// a clean exit, and after kill -9 of a process that was writing.
func open(b *bench) error {
	small, large := b.path("ten.db"), b.path("many.db")
	for db, n := range map[string]int{small: 10, large: manyKeys} {
		if err := b.fill(db, n); err != nil {
			return err
		}
	}
	// What filling has left in the page cache must not be on its way to the disk while
	// opening is measured.
	if _, _, err := (command{args: []string{"sync"}}).execute(); err != nil {
		return err
	}
	if err := os.WriteFile(b.path("three.txt"), []byte("GET key:000000000003\nINCR n\nSIZE\n"), 0o600); err != nil {
		return err
	}
	commands := []command{
		{args: []string{b.nubdb, "-d", small}, stdin: b.path("three.txt")},
		{args: []string{b.nubdb, "-d", large}, stdin: b.path("three.txt")},
	}
	clean, err := interleaved(runs, nil, commands...)
	if err != nil {
		return err
	}
	killed, err := interleaved(runs, func(i int) error { return b.kill([]string{small, large}[i]) }, commands...)
	if err != nil {
		return err
	}
	for _, r := range []struct {
		after string
		t     []times
	}{{"a clean exit", clean}, {"kill -9", killed}} {
		b.print("open      10 keys, after %s: %v", r.after, r.t[0])
		b.print("open      %d keys, after %s: %v", manyKeys, r.after, r.t[1])
		b.print("open      ratio after %s = %.2f (goal: at most 1.50)", r.after, ratio(r.t[1], r.t[0]))
	}
	return b.perKey(large)
}

// fill makes a database of n keys of 16 bytes with values of 16 bytes.
func (b *bench) fill(db string, n int) error {
	path := b.path("fill.txt")
	defer os.Remove(path)
	if err := writeSets(path, n, func(i int) int { return i }); err != nil {
		return err
	}
	_, _, err := command{args: []string{b.nubdb, "-q", "-d", db}, stdin: path}.execute()
	return err
}

// writeSets writes a file of n SETs of keys chosen by key.
func writeSets(path string, n int, key func(i int) int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		fmt.Fprintf(w, "SET key:%012d value-%010d\n", key(i), i)
	}
	return w.Flush()
}

// kill starts a process that writes, waits for its answer to a hundred commands, and
// kills it in the middle of the next.
func (b *bench) kill(db string) error {
	p := exec.Command(b.nubdb, "-d", db)
	in, err := p.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	if _, err := in.Write([]byte(strings.Repeat("INCR killed\n", 100))); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for i := 0; i < 100 && lines.Scan(); i++ {
	}
	in.Write([]byte(strings.Repeat("INCR killed\n", 50)))
	if err := p.Process.Kill(); err != nil {
		return err
	}
	p.Wait() // says that it was killed, which is no news
	return nil
}

// perKey prints what a database takes on disk for each of its keys.
func (b *bench) perKey(db string) error {
	total, err := diskUse(db)
	if err != nil {
		return err
	}
	b.print("open      bytes on disk per 16-byte key and 16-byte value: %.1f (goal: at most 64)", float64(total)/manyKeys)
	return nil
}
