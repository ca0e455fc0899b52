// Command bench measures nubdb as whole processes, side by side with its peers where
// they are installed, and prints one line for each figure:
//
//	go run ./bench [init] [startup] [open] [load] [processes] [server] [latency] [space]
//	go run ./bench soak
//
// Runs to be compared are interleaved, and medians are compared, so that a machine whose
// speed drifts does not decide. Run it while nothing else is at work. Temporary files go
// to $TMPDIR, which must not be in memory for the figures to mean anything. For a quick
// look, NUBDB_BENCH_KEYS makes latency load fewer keys, and NUBDB_BENCH_RUNS space fewer runs.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A benchmark prints its figures and fails if it cannot measure.
var benchmarks = []struct {
	name  string
	run   func(*bench) error
	named bool // runs only when it is asked for by name
}{
	{name: "init", run: initialization},
	{name: "startup", run: startup},
	{name: "open", run: open},
	{name: "load", run: load},
	{name: "processes", run: processes},
	{name: "server", run: server},
	{name: "latency", run: latency},
	{name: "space", run: space},
	{name: "soak", run: soaks, named: true},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(names []string) error {
	b, err := prepare()
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	for _, bm := range benchmarks {
		if !slices.Contains(names, bm.name) && (len(names) > 0 || bm.named) {
			continue
		}
		if err := bm.run(b); err != nil {
			return fmt.Errorf("%s: %w", bm.name, err)
		}
	}
	return nil
}

// bench is where the measurements happen.
type bench struct {
	dir   string
	nubdb string // the binary
}

func prepare() (*bench, error) {
	dir, err := os.MkdirTemp("", "nubdb-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, nubdb: filepath.Join(dir, "nubdb")}
	build := exec.Command("go", "build", "-trimpath", "-o", b.nubdb, "github.com/nubdb/nubdb")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return b, build.Run()
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// print shows one figure.
func (b *bench) print(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// command is a process to be run.
type command struct {
	args  []string
	stdin string // a file, empty for none
	env   []string
}

// execute runs a command and returns what it wrote to stdout and stderr.
func (c command) execute() (out, errs []byte, err error) {
	p := exec.Command(c.args[0], c.args[1:]...)
	p.Env = append(os.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	p.Stdout, p.Stderr = &stdout, &stderr
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		p.Stdin = f
	}
	if err := p.Run(); err != nil {
		return nil, nil, fmt.Errorf("%v: %w: %s", c.args, err, stderr.Bytes())
	}
	return stdout.Bytes(), stderr.Bytes(), nil
}

// timed runs a command and returns how long the whole process took.
func (c command) timed() (time.Duration, error) {
	start := time.Now()
	_, _, err := c.execute()
	return time.Since(start), err
}

// interleaved runs each command n times, in turn, after one run that does not count,
// calling before (if not nil) ahead of each, and returns the times of each.
func interleaved(n int, before func(i int) error, commands ...command) ([]times, error) {
	all := make([]times, len(commands))
	for round := range n + 1 {
		for i, c := range commands {
			if before != nil {
				if err := before(i); err != nil {
					return nil, err
				}
			}
			d, err := c.timed()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], d)
			}
		}
	}
	return all, nil
}

type times []time.Duration

func (t times) median() time.Duration {
	s := slices.Sorted(slices.Values(t))
	return s[len(s)/2]
}

func (t times) String() string {
	return fmt.Sprintf("median %v, min %v, max %v of %d", t.median().Round(time.Microsecond),
		slices.Min(t).Round(time.Microsecond), slices.Max(t).Round(time.Microsecond), len(t))
}

// ratio is how much longer the first took.
func ratio(a, b times) float64 { return float64(a.median()) / float64(b.median()) }
