package engine

import (
	"math/rand/v2"
	"testing"
)

// TestCheckMul proves what slot.go says of the multiplier. A flipped bit i of a slot adds
// or takes away checkMul<<i, modulo 2^64. The check, the top six bits of the sum, stays
// the same only if that difference is, from zero, less than 2^58 away.
func TestCheckMul(t *testing.T) {
	for i := range checkFrom {
		diff := int64(uint64(checkMul) << i) // two's complement: from -2^63 to 2^63
		if diff < 0 {
			diff = -diff
		}
		if uint64(diff) < 1<<checkFrom {
			t.Errorf("flipping bit %d may go unnoticed: it changes the sum by only %#x", i, diff)
		}
	}
}

// slotAt is any slot at any place.
func slotAt(r *rand.Rand) (slot, at uint64) {
	return r.Uint64() & slotMask, place(r.Uint32(), r.IntN(slotsPerPage))
}

func TestSlotFlippedBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		slot, at := slotAt(r)
		if r.IntN(4) == 0 {
			slot = 0
		}
		s := sealed(slot, at)
		if !intact(s, at) {
			t.Fatalf("sealed(%#x, %#x) is not intact", slot, at)
		}
		if s&slotMask != slot {
			t.Fatalf("sealing changed %#x to %#x", slot, s&slotMask)
		}
		for bit := range 64 {
			if intact(s^1<<bit, at) {
				t.Fatalf("bit %d of %#x flipped at %#x: still intact", bit, s, at)
			}
		}
	}
}

// TestSlotZeros: a line of a page that was never written, or lost, must not look like one
// without keys. A single zero word passes by chance at one place in 64; eight in a row
// pass nowhere in the first million pages.
func TestSlotZeros(t *testing.T) {
	passed := 0
	for page := range uint32(1 << 20) {
		if page%1024 != 0 && page > 4096 {
			continue
		}
		for line := range linesPerPage {
			n := 0
			for i := range slotsPerLine {
				if intact(0, place(page, line*slotsPerLine+i)) {
					n++
				}
			}
			passed += n
			if n > slotsPerLine/2 {
				t.Fatalf("%d zero words of page %d, line %d look like empty slots", n, page, line)
			}
		}
	}
	tried := (4097 + 1020) * slotsPerPage
	if share := float64(passed) / float64(tried); share < 0.8/64 || share > 1.2/64 {
		t.Errorf("%.4f of zero words look like empty slots, want 1/64", share)
	}
}

// TestSlotElsewhere: the check depends on the place, so that a word of another page or
// place does not pass, but by chance: two words in 64.
func TestSlotElsewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	passed := 0
	const tries = 100_000
	for range tries {
		slot, at := slotAt(r)
		_, other := slotAt(r)
		if at != other && intact(sealed(slot, at), other) {
			passed++
		}
	}
	if share := float64(passed) / tries; share > 1.2/64 {
		t.Errorf("%.4f of slots pass elsewhere, want 1/64", share)
	}
}

// TestSlotAddress: an address comes back from its slot wherever the log begins, as long
// as the log spans less than LogSpan.
func TestSlotAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, start := range []uint64{0, 1 << 24, LogSpan - 1<<24, LogSpan, LogSpan + 1<<24, 5*LogSpan - 1<<16, 1<<50 + 3<<16} {
		offsets := []uint64{8, segmentHeader, LogSpan / 2, LogSpan - 8}
		for range 100 {
			offsets = append(offsets, r.Uint64N(LogSpan/8)*8)
		}
		for _, off := range offsets {
			hash, addr := r.Uint64(), start+off
			s := sealed(makeSlot(hash, addr), place(7, 7))
			if a := slotAddr(s, start); a != addr {
				t.Errorf("log from %#x: address %#x came back as %#x", start, addr, a)
			}
			if slotTag(s) != tagOf(hash) {
				t.Errorf("tag of %#x is %#x, want %#x", hash, slotTag(s), tagOf(hash))
			}
		}
	}
}

// TestSlotTag: the tag is the 21 bits of the hash behind the first 6, so the bit by which
// a page of any depth is split is in it.
func TestSlotTag(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		hash := r.Uint64()
		if want := hash >> (64 - maxDepth) % (1 << tagBits); tagOf(hash) != want {
			t.Fatalf("tagOf(%#x) = %#x, want %#x", hash, tagOf(hash), want)
		}
		s := makeSlot(hash, 1<<30)
		for depth := uint32(minDepth); depth < maxDepth; depth++ {
			if side, want := s>>splitBit(depth)&1, hash>>(63-depth)&1; side != want {
				t.Fatalf("a page of depth %d puts hash %#x on side %d, want %d", depth, hash, side, want)
			}
		}
	}
}

func TestIsEmpty(t *testing.T) {
	if at := place(3, 5); !isEmpty(sealed(0, at)) {
		t.Error("the empty slot is not empty")
	}
	if isEmpty(makeSlot(0, 1<<24+segmentHeader)) {
		t.Error("a slot with tag 0 is empty")
	}
	if isEmpty(makeSlot(1<<40, 8<<addrBits)) {
		t.Error("a slot with an address that is 0 modulo the span is empty")
	}
}

// TestLines: a key's two lines are different and within the page.
func TestLines(t *testing.T) {
	for hash := range uint64(1 << 12) {
		l := lines(hash)
		if l[0] == l[1] || min(l[0], l[1]) < 0 || max(l[0], l[1]) >= linesPerPage {
			t.Fatalf("lines(%#x) = %v", hash, l)
		}
	}
}

func TestLine(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 10_000 {
		var slots [slotsPerLine]uint64
		first, tag := r.Uint64N(1<<40), r.Uint64N(4)
		var empty, tagged uint8
		for i := range slots {
			s := r.Uint64N(2) * (r.Uint64N(1<<addrBits) | r.Uint64N(4)<<addrBits)
			slots[i] = sealed(s, first+uint64(i))
			if s == 0 {
				empty |= 1 << i
			}
			if s>>addrBits == tag {
				tagged |= 1 << i
			}
		}
		if set := emptySlots(slots[:]); set != empty {
			t.Fatalf("emptySlots(%x) = %b, want %b", slots, set, empty)
		}
		if set, ok := matching(slots[:], tag, first); set != tagged || !ok {
			t.Fatalf("matching(%x, %d) = %b, %v, want %b", slots, tag, set, ok, tagged)
		}
		i, bit := r.IntN(len(slots)), r.IntN(64)
		slots[i] ^= 1 << bit
		if _, ok := matching(slots[:], tag, first); ok {
			t.Fatalf("bit %d of slot %d flipped, unnoticed", bit, i)
		}
	}
}
