package engine

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// slowSip is SipHash-c-d as section 2 of the paper defines it, on big integers and with
// nothing in common with siphash: v is an array, a round is a list of steps.
func slowSip(c, d int, k0, k1 uint64, b []byte) uint64 {
	mod := new(big.Int).Lsh(big.NewInt(1), 64)
	v := make([]*big.Int, 4)
	for i, init := range []uint64{0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573} {
		v[i] = new(big.Int).SetUint64(init ^ [2]uint64{k0, k1}[i%2])
	}
	add := func(i, j int) { v[i].Mod(v[i].Add(v[i], v[j]), mod) }
	xor := func(i, j int) { v[i].Xor(v[i], v[j]) }
	rotate := func(i int, n uint) {
		high := new(big.Int).Rsh(v[i], 64-n)
		v[i].Mod(v[i].Lsh(v[i], n), mod)
		v[i].Or(v[i], high)
	}
	rounds := func(n int) {
		for range n {
			add(0, 1)
			add(2, 3)
			rotate(1, 13)
			rotate(3, 16)
			xor(1, 0)
			xor(3, 2)
			rotate(0, 32)
			add(2, 1)
			add(0, 3)
			rotate(1, 17)
			rotate(3, 21)
			xor(1, 2)
			xor(3, 0)
			rotate(2, 32)
		}
	}
	// The message is padded with zeros to whole words; its last byte is the length.
	padded := append([]byte(nil), b...)
	for len(padded)%8 != 7 {
		padded = append(padded, 0)
	}
	padded = append(padded, byte(len(b)))
	for i := 0; i < len(padded); i += 8 {
		m := new(big.Int)
		for j := 7; j >= 0; j-- {
			m.Or(m.Lsh(m, 8), big.NewInt(int64(padded[i+j])))
		}
		v[3].Xor(v[3], m)
		rounds(c)
		v[0].Xor(v[0], m)
	}
	v[2].Xor(v[2], big.NewInt(0xff))
	rounds(d)
	return v[0].Uint64() ^ v[1].Uint64() ^ v[2].Uint64() ^ v[3].Uint64()
}

// ascending is 0, 1, 2, ...
func ascending(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TestSlowSip ties the definition above to the vector in appendix A of the paper.
func TestSlowSip(t *testing.T) {
	if h := slowSip(2, 4, 0x0706050403020100, 0x0f0e0d0c0b0a0908, ascending(15)); h != 0xa129ca6149be45e5 {
		t.Errorf("SipHash-2-4 = %#x", h)
	}
}

// TestSiphash compares with what Python 3.11 says of hash() with PYTHONHASHSEED=0, which is
// SipHash-1-3 under a key of zeros.
func TestSiphash(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want uint64
	}{
		{[]byte("a"), 0x407448d2b89b1813},
		{[]byte("abc"), 0xc03bc3a0042630f2},
		{[]byte("hello world"), 0xb1b1f2e707e4ac8a},
		{ascending(8), 0xead411e67ebe2eea},
		{ascending(15), 0xf30eb725bb91c9ea},
		{ascending(64), 0x75e05fd5bbc870c6},
	} {
		if h := siphash(0, 0, tt.in); h != tt.want {
			t.Errorf("siphash(0, 0, %q) = %#x, want %#x", tt.in, h, tt.want)
		}
	}
}

func TestSiphashLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 65 {
		k0, k1, b := r.Uint64(), r.Uint64(), make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if h, want := siphash(k0, k1, b), slowSip(1, 3, k0, k1, b); h != want {
			t.Errorf("siphash(%#x, %#x, %x) = %#x, want %#x", k0, k1, b, h, want)
		}
	}
	// The length counts modulo 256.
	b := make([]byte, 300)
	if h, want := siphash(1, 2, b), slowSip(1, 3, 1, 2, b); h != want {
		t.Errorf("300 zeros: %#x, want %#x", h, want)
	}
}
