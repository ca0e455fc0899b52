package command

import (
	"math"

	"github.com/nubdb/nubdb/wire"
)

// bitField is an operation of BITFIELD on an integer of so many bits.
type bitField struct {
	name     byte // 'g', 's' or 'i': GET, SET, INCRBY
	signed   bool
	width    int64
	offset   int64 // of its first bit, the highest
	operand  int64 // of SET and INCRBY
	overflow byte  // 'w', 's' or 'f': WRAP, SAT, FAIL
}

// BITFIELD key [operations]
func bitFieldCommand(s *Session, args [][]byte, out *wire.Reply) error {
	ops, end, err := parseBitField(args)
	if err != nil {
		return err
	}
	return s.runBitField(args[1], ops, end, out)
}

// BITFIELD_RO key [GET encoding offset ...]
func bitFieldRO(s *Session, args [][]byte, out *wire.Reply) error {
	ops, err := parseBitFieldRO(args)
	if err != nil {
		return err
	}
	return s.runBitField(args[1], ops, 0, out)
}

// runBitField runs the operations in order. end is the end in bits of those that
// write: the value has to reach there, also when they fail. 0: none writes.
func (s *Session) runBitField(key []byte, ops []bitField, end int64, out *wire.Reply) error {
	it, _, err := s.getString(key)
	if err != nil {
		return err
	}
	if end > maxBit+1 {
		return errTooLong
	}
	value, changed := it.Value, false
	if end > 0 {
		s.scratch = zeroExtend(s.scratch[:0], it.Value, int((end+7)/8))
		value, changed = s.scratch, len(s.scratch) > len(it.Value)
	}
	s.elems = s.elems[:0]
	for i := range ops {
		reply, wrote := ops[i].run(value)
		s.elems = append(s.elems, reply)
		changed = changed || wrote
	}
	if changed {
		err = s.putString(key, value, it.ExpireAt)
	}
	*out = wire.Array(s.elems...)
	return err
}

// run runs one operation and tells whether it changed the value.
func (f *bitField) run(value []byte) (reply wire.Reply, changed bool) {
	old := f.read(value)
	if f.name == 'g' {
		return wire.Integer(old), false
	}
	base, increment := f.operand, int64(0)
	if f.name == 'i' {
		base, increment = old, f.operand
	}
	result, ok := f.fit(base, increment)
	if !ok {
		return wire.Nil, false
	}
	f.write(value, result)
	if f.name == 's' {
		return wire.Integer(old), old != result
	}
	return wire.Integer(result), old != result
}

func (f *bitField) read(value []byte) int64 {
	var n uint64
	for i := range f.width {
		n = n<<1 | uint64(bitAt(value, f.offset+i))
	}
	return f.truncate(n)
}

func (f *bitField) write(value []byte, n int64) {
	for i := range f.width {
		putBit(value, f.offset+i, byte(n>>(f.width-1-i)&1))
	}
}

// truncate keeps the low bits of n and extends the sign, if the field has one.
func (f *bitField) truncate(n uint64) int64 {
	unused := 64 - f.width
	if f.signed {
		return int64(n<<unused) >> unused
	}
	return int64(n << unused >> unused)
}

// fit is base+increment, or what becomes of it where that overflows; not ok if
// the operation is to have no effect then.
func (f *bitField) fit(base, increment int64) (result int64, ok bool) {
	limit, overflows := f.overflows(base, increment)
	switch {
	case !overflows:
		return base + increment, true
	case f.overflow == 's':
		return limit, true
	case f.overflow == 'f':
		return 0, false
	}
	return f.truncate(uint64(base) + uint64(increment)), true
}

// overflows tells whether base+increment leaves the field, and the limit that it
// passes. base need not be within the field if increment is 0; what SET makes of
// such a number is Redis's arithmetic, which calls the very lowest ones too high.
func (f *bitField) overflows(base, increment int64) (limit int64, yes bool) {
	if !f.signed {
		most := int64(1)<<f.width - 1 // width is at most 63
		switch {
		case base < 0 || base > most || increment > 0 && increment > most-base:
			return most, true
		case increment < 0 && increment < -base:
			return 0, true
		}
		return 0, false
	}
	most := int64(math.MaxInt64) >> (64 - f.width)
	least := -most - 1
	if f.width == 64 {
		limit = most
		if increment < 0 {
			limit = least
		}
		return limit, addOverflows(base, increment)
	}
	switch {
	case base > most || increment > most-base:
		return most, true
	case base < least || increment < least-base:
		return least, true
	}
	return 0, false
}

// parseBitField reads BITFIELD key [operations]. end is where in bits the last
// number ends that is written, 0 if none is.
func parseBitField(args [][]byte) (ops []bitField, end int64, err error) {
	overflow := byte('w')
	for words := args[2:]; len(words) > 0; {
		if is(words[0], "OVERFLOW") && len(words) > 1 {
			if overflow, err = parseOverflow(words[1]); err != nil {
				return nil, 0, err
			}
			words = words[2:]
			continue
		}
		f, n, err := parseBitFieldOp(words)
		if err != nil {
			return nil, 0, err
		}
		f.overflow = overflow
		if f.name != 'g' {
			end = max(end, f.offset+f.width)
		}
		ops, words = append(ops, f), words[n:]
	}
	return ops, end, nil
}

func parseOverflow(word []byte) (byte, error) {
	switch {
	case is(word, "WRAP"):
		return 'w', nil
	case is(word, "SAT"):
		return 's', nil
	case is(word, "FAIL"):
		return 'f', nil
	}
	return 0, errOverflowType
}

// parseBitFieldOp reads GET, SET or INCRBY at the start of words and answers how
// many words that took.
func parseBitFieldOp(words [][]byte) (f bitField, n int, err error) {
	switch {
	case is(words[0], "GET"):
		f.name, n = 'g', 3
	case is(words[0], "SET"):
		f.name, n = 's', 4
	case is(words[0], "INCRBY"):
		f.name, n = 'i', 4
	default:
		return f, 0, errSyntax
	}
	if len(words) < n {
		return f, 0, errSyntax
	}
	if f.signed, f.width, err = parseFieldType(words[1]); err != nil {
		return f, 0, err
	}
	if f.offset, err = parseBitOffset(words[2], f.width); err != nil {
		return f, 0, err
	}
	if n == 4 {
		f.operand, err = parseInteger(words[3])
	}
	return f, n, err
}

// parseFieldType reads i1 to i64 or u1 to u63.
func parseFieldType(word []byte) (signed bool, width int64, err error) {
	if len(word) == 0 || word[0] != 'i' && word[0] != 'u' {
		return false, 0, errFieldType
	}
	signed = word[0] == 'i'
	width, err = parseInteger(word[1:])
	if err != nil || width < 1 || width > 64 || width == 64 && !signed {
		return false, 0, errFieldType
	}
	return signed, width, nil
}

func parseBitFieldRO(args [][]byte) ([]bitField, error) {
	ops, end, err := parseBitField(args)
	if err == nil && end > 0 {
		err = errBitFieldRO
	}
	return ops, err
}

// checkBitField is what Check makes of BITFIELD.
func checkBitField(args [][]byte) error {
	_, _, err := parseBitField(args)
	return err
}

// checkBitFieldRO is what Check makes of BITFIELD_RO.
func checkBitFieldRO(args [][]byte) error {
	_, err := parseBitFieldRO(args)
	return err
}
