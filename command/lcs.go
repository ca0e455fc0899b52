package command

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length      bool  // answer the length only
	ranges      bool  // answer where the common parts are
	minLength   int64 // of a part that is answered
	withLengths bool
}

// LCS key1 key2 [options]
func lcs(s *Session, args [][]byte, out *wire.Reply) error {
	a, err := s.lcsString(args[1])
	if err != nil {
		return err
	}
	b, err := s.lcsString(args[2])
	if err != nil {
		return err
	}
	o, err := parseLCS(args)
	if err != nil {
		return err
	}
	// Redis's table has so many numbers of 32 bits, and this is its limit for them.
	if int64(len(a)+1)*int64(len(b)+1) > engine.MaxValue/4 {
		return errLCSTooLong
	}
	t := newLCSTable(a, b)
	switch {
	case o.length:
		*out = wire.Integer(int64(t.length))
		return nil
	case o.ranges:
		*out = t.ranges(o)
		return nil
	}
	s.scratch = t.appendCommon(s.scratch[:0])
	*out = wire.Bulk(s.scratch)
	return nil
}

func (s *Session) lcsString(key []byte) ([]byte, error) {
	it, _, err := s.getString(key)
	if err == errWrongType {
		err = errLCSType
	}
	return it.Value, err
}

// parseLCS reads LCS key1 key2 [options].
func parseLCS(args [][]byte) (o lcsOptions, err error) {
	for words := args[3:]; len(words) > 0; words = words[1:] {
		switch word := words[0]; {
		case is(word, "IDX"):
			o.ranges = true
		case is(word, "LEN"):
			o.length = true
		case is(word, "WITHMATCHLEN"):
			o.withLengths = true
		case is(word, "MINMATCHLEN") && len(words) > 1:
			if o.minLength, err = parseInteger(words[1]); err != nil {
				return o, err
			}
			words = words[1:]
		default:
			return o, errSyntax
		}
	}
	if o.length && o.ranges {
		return o, errLCSBoth
	}
	return o, nil
}

// checkLCS is what Check makes of LCS.
func checkLCS(args [][]byte) error {
	_, err := parseLCS(args)
	return err
}

// lcsTable is the table of dynamic programming for the longest common subsequence
// of a and b. For the way back it is enough to know of each pair of prefixes whose
// last bytes differ which of the two to shorten: a bit, where Redis keeps a length.
type lcsTable struct {
	a, b     []byte
	length   int
	shortenA []byte // bit i*len(b)+j for a[:i+1] and b[:j+1]
}

func newLCSTable(a, b []byte) *lcsTable {
	t := &lcsTable{a: a, b: b, shortenA: make([]byte, (len(a)*len(b)+7)/8)}
	row, above := make([]uint32, len(b)+1), make([]uint32, len(b)+1)
	for i := range a {
		row, above = above, row // row[j+1] is the length for a[:i+1] and b[:j+1]
		for j := range b {
			switch {
			case a[i] == b[j]:
				row[j+1] = above[j] + 1
			case above[j+1] > row[j]:
				row[j+1] = above[j+1]
				putBit(t.shortenA, t.cell(i, j), 1)
			default:
				row[j+1] = row[j]
			}
		}
	}
	t.length = int(row[len(b)])
	return t
}

func (t *lcsTable) cell(i, j int) int64 { return int64(i)*int64(len(t.b)) + int64(j) }

// walk calls match for the pairs of equal bytes that make the subsequence, from
// the last to the first.
func (t *lcsTable) walk(match func(i, j int)) {
	i, j := len(t.a)-1, len(t.b)-1
	for i >= 0 && j >= 0 {
		switch {
		case t.a[i] == t.b[j]:
			match(i, j)
			i, j = i-1, j-1
		case bitAt(t.shortenA, t.cell(i, j)) == 1:
			i--
		default:
			j--
		}
	}
}

// appendCommon appends the subsequence itself to dst.
func (t *lcsTable) appendCommon(dst []byte) []byte {
	dst = append(dst, make([]byte, t.length)...)
	next := len(dst)
	t.walk(func(i, _ int) {
		next--
		dst[next] = t.a[i]
	})
	return dst
}

// ranges answers where the common parts are, from the last to the first.
func (t *lcsTable) ranges(o lcsOptions) wire.Reply {
	matches := []wire.Reply{}
	var i, j, n int // the part at hand: n bytes from a[i:] and b[j:]
	emit := func() {
		if n == 0 || int64(n) < o.minLength {
			return
		}
		part := []wire.Reply{span(i, n), span(j, n)}
		if o.withLengths {
			part = append(part, wire.Integer(int64(n)))
		}
		matches = append(matches, wire.Array(part...))
	}
	t.walk(func(nextI, nextJ int) {
		if n > 0 && nextI == i-1 && nextJ == j-1 {
			i, j, n = nextI, nextJ, n+1
			return
		}
		emit()
		i, j, n = nextI, nextJ, 1
	})
	emit()
	return wire.Reply{Kind: wire.KindMap, Elems: []wire.Reply{
		wire.BulkString("matches"), wire.Array(matches...),
		wire.BulkString("len"), wire.Integer(int64(t.length)),
	}}
}

// span answers the first and the last of n indexes.
func span(first, n int) wire.Reply {
	return wire.Array(wire.Integer(int64(first)), wire.Integer(int64(first+n-1)))
}
