package command

import (
	"encoding/binary"
	"math/bits"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Bits of a value are numbered as Redis does: bit 0 is the highest of the first
// byte. Behind the end of a value there are zeros.

// maxBit is the number of the last bit that a value can have.
const maxBit = 8*engine.MaxValue - 1

// bitAt is the bit of a value at an offset, 0 behind its end.
func bitAt(value []byte, offset int64) byte {
	i := offset / 8
	if i >= int64(len(value)) {
		return 0
	}
	return value[i] >> (7 - offset%8) & 1
}

// putBit sets the bit of a value, which is long enough, to 0 or 1.
func putBit(value []byte, offset int64, bit byte) {
	mask := byte(0x80) >> (offset % 8)
	value[offset/8] &^= mask
	if bit == 1 {
		value[offset/8] |= mask
	}
}

// parseBitOffset reads the offset of a bit. Where numbers have a width in bits,
// "#n" means the n-th such number; width 0: there are none.
func parseBitOffset(word []byte, width int64) (int64, error) {
	times := int64(1)
	if width > 0 && len(word) > 0 && word[0] == '#' {
		word, times = word[1:], width
	}
	n, err := parseInteger(word)
	if err != nil || n < 0 || n > maxBit/times {
		return 0, errBitOffset
	}
	return n * times, nil
}

// parseBit reads the value of a bit. bad is the error for a number that is not 0 or 1.
func parseBit(word []byte, bad error) (byte, error) {
	n, err := parseInteger(word)
	switch {
	case err != nil:
		return 0, err
	case n != 0 && n != 1:
		return 0, bad
	}
	return byte(n), nil
}

// SETBIT key offset value
func setBit(s *Session, args [][]byte, out *wire.Reply) error {
	offset, bit, err := parseSetBit(args)
	if err != nil {
		return err
	}
	it, _, err := s.getString(args[1])
	if err != nil {
		return err
	}
	old, length := bitAt(it.Value, offset), int(offset/8)+1
	if old == bit && length <= len(it.Value) {
		*out = wire.Integer(int64(old))
		return nil // WATCH sees no change, as in Valkey
	}
	s.scratch = zeroExtend(s.scratch[:0], it.Value, length)
	putBit(s.scratch, offset, bit)
	*out = wire.Integer(int64(old))
	return s.putString(args[1], s.scratch, it.ExpireAt)
}

func parseSetBit(args [][]byte) (offset int64, bit byte, err error) {
	if offset, err = parseBitOffset(args[2], 0); err != nil {
		return 0, 0, err
	}
	if bit, err = parseBit(args[3], errBit); err != nil {
		err = errBit
	}
	return offset, bit, err
}

// checkSetBit is what Check makes of SETBIT.
func checkSetBit(args [][]byte) error {
	_, _, err := parseSetBit(args)
	return err
}

// zeroExtend appends value to dst, and zeros until that makes length bytes.
func zeroExtend(dst, value []byte, length int) []byte {
	dst = append(dst, value...)
	if missing := length - len(value); missing > 0 {
		dst = append(dst, make([]byte, missing)...)
	}
	return dst
}

// GETBIT key offset
func getBit(s *Session, args [][]byte, out *wire.Reply) error {
	offset, err := parseBitOffset(args[2], 0)
	if err != nil {
		return err
	}
	it, _, err := s.getString(args[1])
	*out = wire.Integer(int64(bitAt(it.Value, offset)))
	return err
}

// checkGetBit is what Check makes of GETBIT.
func checkGetBit(args [][]byte) error {
	_, err := parseBitOffset(args[2], 0)
	return err
}

// bitRange is the part of a value that BITCOUNT and BITPOS look at, inclusive,
// from the end of the value where negative.
type bitRange struct {
	start, end int64
	toEnd      bool // no end was given
	bits       bool // in bits, otherwise in bytes
}

// parseBitRange reads [start [end [BYTE|BIT]]].
func parseBitRange(words [][]byte) (r bitRange, err error) {
	r = bitRange{end: -1, toEnd: len(words) < 2}
	if len(words) > 3 {
		return r, errSyntax
	}
	if len(words) > 0 {
		if r.start, err = parseInteger(words[0]); err != nil {
			return r, err
		}
	}
	if len(words) > 2 {
		r.bits = is(words[2], "BIT")
		if !r.bits && !is(words[2], "BYTE") {
			return r, errSyntax
		}
	}
	if len(words) > 1 {
		r.end, err = parseInteger(words[1])
	}
	return r, err
}

// of is the range in a value: the bits from up to, not including, to.
func (r bitRange) of(value []byte) (from, to int64) {
	unit, n := int64(8), int64(len(value))
	if r.bits {
		unit, n = 1, 8*n
	}
	start, end := r.start, r.end
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	if start > end {
		return 0, 0
	}
	return start * unit, (end + 1) * unit
}

// BITCOUNT key [start [end [BYTE|BIT]]]
func bitCount(s *Session, args [][]byte, out *wire.Reply) error {
	r, err := parseBitRange(args[2:])
	if err != nil {
		return err
	}
	it, _, err := s.getString(args[1])
	if err != nil || r.start < 0 && r.end < 0 && r.start > r.end {
		*out = wire.Integer(0)
		return err
	}
	*out = wire.Integer(countBits(it.Value, r))
	return nil
}

// checkBitCount is what Check makes of BITCOUNT.
func checkBitCount(args [][]byte) error {
	_, err := parseBitRange(args[2:])
	return err
}

// countBits is the number of ones in a range.
func countBits(value []byte, r bitRange) int64 {
	from, to := r.of(value)
	n := 0
	for ; from < to && from%8 != 0; from++ {
		n += int(bitAt(value, from))
	}
	for ; from < to && to%8 != 0; to-- {
		n += int(bitAt(value, to-1))
	}
	whole := value[from/8 : to/8]
	for ; len(whole) >= 8; whole = whole[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(whole))
	}
	for _, b := range whole {
		n += bits.OnesCount8(b)
	}
	return int64(n)
}

// BITPOS key bit [start [end [BYTE|BIT]]]
func bitPos(s *Session, args [][]byte, out *wire.Reply) error {
	bit, r, err := parseBitPos(args)
	if err != nil {
		return err
	}
	it, found, err := s.getString(args[1])
	if err != nil {
		return err
	}
	if !found { // all zeros without end
		*out = wire.Integer(-int64(bit))
		return nil
	}
	from, to := r.of(it.Value)
	pos := findBit(it.Value, bit, from, to)
	if pos < 0 && bit == 0 && r.toEnd && from < to {
		pos = to // the zeros behind the end
	}
	*out = wire.Integer(pos)
	return nil
}

func parseBitPos(args [][]byte) (bit byte, r bitRange, err error) {
	if bit, err = parseBit(args[2], errBitArgument); err != nil {
		return 0, r, err
	}
	r, err = parseBitRange(args[3:])
	return bit, r, err
}

// checkBitPos is what Check makes of BITPOS.
func checkBitPos(args [][]byte) error {
	_, _, err := parseBitPos(args)
	return err
}

// findBit is the offset of the first such bit among those from up to, not
// including, to; -1 if there is none.
func findBit(value []byte, bit byte, from, to int64) int64 {
	none := -bit ^ 0xff // a byte without such a bit: all zeros or all ones
	for from < to {
		if from%8 == 0 && value[from/8] == none {
			from += 8 // perhaps behind to, where there would be none either
			continue
		}
		if bitAt(value, from) == bit {
			return from
		}
		from++
	}
	return -1
}

// BITOP AND|OR|XOR|NOT destkey key [key ...]
func bitOp(s *Session, args [][]byte, out *wire.Reply) error {
	combine, err := parseBitOp(args)
	if err != nil {
		return err
	}
	sources, longest := make([][]byte, 0, 8), 0
	for _, key := range args[3:] {
		it, _, err := s.getString(key)
		if err != nil {
			return err
		}
		sources, longest = append(sources, it.Value), max(longest, len(it.Value))
	}
	if longest == 0 {
		_, err := s.tx.Delete(args[2])
		*out = wire.Integer(0)
		return err
	}
	result := zeroExtend(s.scratch[:0], sources[0], longest)
	s.scratch = result
	if combine == nil {
		invert(result)
	}
	for _, source := range sources[1:] {
		combineAll(result, source, combine)
	}
	*out = wire.Integer(int64(longest))
	return s.putString(args[2], result, 0)
}

// parseBitOp returns how BITOP combines words of two values; nil for NOT.
func parseBitOp(args [][]byte) (combine func(a, b uint64) uint64, err error) {
	switch {
	case is(args[1], "AND"):
		return func(a, b uint64) uint64 { return a & b }, nil
	case is(args[1], "OR"):
		return func(a, b uint64) uint64 { return a | b }, nil
	case is(args[1], "XOR"):
		return func(a, b uint64) uint64 { return a ^ b }, nil
	case !is(args[1], "NOT"):
		return nil, errSyntax
	case len(args) != 4:
		return nil, errBitOpNot
	}
	return nil, nil
}

// checkBitOp is what Check makes of BITOP.
func checkBitOp(args [][]byte) error {
	_, err := parseBitOp(args)
	return err
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// combineAll combines a value into dst, which is at least as long.
func combineAll(dst, value []byte, combine func(a, b uint64) uint64) {
	for ; len(value) >= 8; dst, value = dst[8:], value[8:] {
		binary.LittleEndian.PutUint64(dst, combine(binary.LittleEndian.Uint64(dst), binary.LittleEndian.Uint64(value)))
	}
	for i := range dst {
		b := byte(0)
		if i < len(value) {
			b = value[i]
		}
		dst[i] = byte(combine(uint64(dst[i]), uint64(b)))
	}
}
