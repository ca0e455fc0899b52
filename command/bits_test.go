package command

import (
	"testing"

	"github.com/nubdb/nubdb/engine"
	"pgregory.net/rapid"
)

// Counting and finding bits agrees with looking at each, whatever the range.
func TestBitsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Bytes without or with all bits are what is skipped as a whole.
		value := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 0xff, 0xff, 0x01, 0x80, 0x5a}), 0, 40).Draw(t, "value")
		total := int64(8 * len(value))
		from := rapid.Int64Range(0, max(total-1, 0)).Draw(t, "from")
		to := rapid.Int64Range(from, total).Draw(t, "to")
		count, first := int64(0), [2]int64{-1, -1}
		for i := from; i < to; i++ {
			bit := bitAt(value, i)
			count += int64(bit)
			if first[bit] < 0 {
				first[bit] = i
			}
		}
		if got := countBits(value, bitRange{start: from, end: to - 1, bits: true}); from < to && got != count {
			t.Errorf("%d bits, want %d", got, count)
		}
		for bit := range byte(2) {
			if got := findBit(value, bit, from, to); got != first[bit] {
				t.Errorf("bit %d at %d, want %d", bit, got, first[bit])
			}
		}
	})
}

// A number of BITFIELD that ends behind the last bit that a value can have is refused
// where it is written, and reads as if zeros followed.
func TestLastBit(t *testing.T) {
	s := newSession(open(t, engine.Options{}), Options{})
	expect(t, s, [2]string{"BITFIELD k SET u8 4294967289 1", errTooLong.Error()}, [2]string{"EXISTS k", ":0"},
		[2]string{"GETBIT k 4294967295", ":0"}, [2]string{"BITFIELD k GET i64 4294967295", "[:0]"})
}
