package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkSet measures random SETs in groups of 64, durable at the end.
func BenchmarkSet(b *testing.B) {
	db, err := Open(b.TempDir()+"/db", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	r := rand.New(rand.NewPCG(1, 2))
	key, value := make([]byte, 0, 16), []byte("value-0123456789")
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		tx, err := db.Begin(true)
		if err != nil {
			b.Fatal(err)
		}
		for range 64 {
			tx.Savepoint(nil)
			key = fmt.Appendf(key[:0], "key:%012d", r.IntN(10_000_000))
			if err := tx.Put(key, Item{Value: value, Type: TypeString}); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Sync(); err != nil {
		b.Fatal(err)
	}
}
