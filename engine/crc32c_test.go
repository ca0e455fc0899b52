package engine

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func TestCRC32C(t *testing.T) {
	if got := crc32c(0, []byte("123456789")); got != 0xe3069283 {
		t.Errorf("check value %#x, want 0xe3069283 (RFC 3720)", got)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 1100)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for from := range 9 {
		for n := 0; from+n <= len(b); n++ {
			crc := r.Uint32()
			if got, want := crc32c(crc, b[from:from+n]), crc32.Update(crc, table, b[from:from+n]); got != want {
				t.Fatalf("%d bytes from %d: %#x, want %#x", n, from, got, want)
			}
		}
	}
}
