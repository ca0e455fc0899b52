package engine

// A slot is a word of the index that says where a key's newest record is, and
// carries its own checksum, so that one store changes it as a whole and a flipped
// bit is never taken for another key or for an empty place:
//
//	 63     58 57             37 36                  0
//	+---------+-----------------+---------------------+
//	| check   | tag             | address / 8         |
//	| 6 bits  | 21 bits         | 37 bits             |
//	+---------+-----------------+---------------------+
//
// The address is taken modulo 2^40 bytes (1 TiB), the most that a log may span.
// The tag is part of the key's hash: among the slots of a page it tells keys apart
// before the log is asked, and it holds the bits by which pages are split.
// check depends on where the slot stands, so that bytes of another place, or
// zeros, do not pass for an empty slot. Address 0 with tag 0 is an empty slot.
const (
	addrBits  = 37
	addrMask  = 1<<addrBits - 1
	tagBits   = 21
	checkFrom = addrBits + tagBits // 58
	slotMask  = 1<<checkFrom - 1

	// LogSpan is the most bytes that a log can span, dead records included.
	LogSpan = 8 << addrBits
)

// A hash is used like this, from the top: `depth` bits choose the page, the 21
// bits behind the first 6 are the tag (so a page can be split without the log
// until its depth is 27), and the low 12 bits choose two lines in the page.
const (
	minDepth = 6
	maxDepth = minDepth + tagBits
)

func tagOf(hash uint64) uint64 { return hash << minDepth >> (64 - tagBits) }

// splitBit is the bit of a slot by which a page of this depth is split: the hash's next.
func splitBit(depth uint32) uint32 { return checkFrom - 1 - (depth - minDepth) }

// checkMul has neither six zeros nor six ones in a row, so that changing any one
// bit of a slot always changes its check (slot_test.go tries them all).
const (
	checkMul  = 0x9E35_79B9_4D2C_6A95
	checkSeed = 0xD6E8_FEB8_6659_FD93
)

// check is the checksum of the low 58 bits of a slot at a place.
func check(slot, place uint64) uint64 {
	return ((slot&slotMask)*checkMul + place*checkSeed) >> checkFrom
}

// sealed returns a slot with the check of its place put in.
func sealed(slot, place uint64) uint64 {
	return slot&slotMask | check(slot, place)<<checkFrom
}

// intact tells whether a slot read at place has the right check.
func intact(slot, place uint64) bool { return slot>>checkFrom == check(slot, place) }

// matching looks at a whole line, whose first slot is at place: the set of the slots with a
// tag, slot i as bit i, and whether all are intact. There is no branch for each, which could
// only be guessed: together with emptySlots that took 35 of the 570 ns of a bulk load's SET.
// To shift the set along costs 3 ns less than to put each bit at its place.
func matching(line []uint64, tag, place uint64) (set uint8, ok bool) {
	seed, wrong, bits := place*checkSeed, uint64(0), uint64(0)
	for _, s := range (*[slotsPerLine]uint64)(line) {
		wrong |= ((s&slotMask)*checkMul + seed) ^ s
		seed += checkSeed
		other := slotTag(s) ^ tag // less than 1<<tagBits
		bits = bits>>1 | (other-1)&(1<<63)
	}
	return uint8(bits >> (64 - slotsPerLine)), wrong>>checkFrom == 0
}

// makeSlot is the slot, without its check, of a key whose newest record is at addr.
func makeSlot(hash, addr uint64) uint64 {
	return addr>>3&addrMask | tagOf(hash)<<addrBits
}

// slotAddr is a slot's address; the log's first address resolves the modulus.
func slotAddr(slot, logStart uint64) uint64 {
	a := (slot & addrMask) << 3
	return logStart + (a-logStart)&(LogSpan-1)
}

func slotTag(slot uint64) uint64 { return slot & slotMask >> addrBits }

func isEmpty(slot uint64) bool { return slot&slotMask == 0 }

// emptySlots is the set of the empty slots of a line, as matching has it.
func emptySlots(line []uint64) (set uint8) {
	bits := uint64(0)
	for _, s := range (*[slotsPerLine]uint64)(line) {
		bits = bits>>1 | (s&slotMask-1)&(1<<63)
	}
	return uint8(bits >> (64 - slotsPerLine))
}
