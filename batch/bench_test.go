package batch

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// commandFile writes n commands to a file and returns its path.
func commandFile(b *testing.B, n int, command func(w *bufio.Writer, r *rand.Rand, i int)) string {
	path := b.TempDir() + "/commands"
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		command(w, r, i)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

func benchmarkFile(b *testing.B, db, path string) {
	in, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	b.ReportAllocs()
	b.ResetTimer()
	if status := Run(Config{DB: db, Inputs: []Input{Stdin()}, Stdin: in, Stdout: out, Stderr: os.Stderr}); status != 0 {
		b.Fatalf("status %d", status)
	}
}

// BenchmarkSet is a file of SETs of random keys into a new database, durable at the
// end. Run it with -benchtime 1000000x.
func BenchmarkSet(b *testing.B) {
	path := commandFile(b, b.N, func(w *bufio.Writer, r *rand.Rand, i int) {
		fmt.Fprintf(w, "SET key:%012d value-%010d\n", r.IntN(10_000_000), i)
	})
	benchmarkFile(b, b.TempDir()+"/db", path)
}

// BenchmarkGet is a file of GETs of random keys, of which all exist.
func BenchmarkGet(b *testing.B) {
	db := b.TempDir() + "/db"
	benchmarkFile(b, db, commandFile(b, b.N, func(w *bufio.Writer, r *rand.Rand, i int) {
		fmt.Fprintf(w, "SET key:%012d value-%010d\n", i, i)
	}))
	benchmarkFile(b, db, commandFile(b, b.N, func(w *bufio.Writer, r *rand.Rand, i int) {
		fmt.Fprintf(w, "GET key:%012d\n", r.IntN(b.N))
	}))
}
