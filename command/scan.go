package command

import (
	"strconv"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// scanOptions are the arguments of SCAN.
type scanOptions struct {
	cursor  uint64
	pattern []byte // nil: all keys
	count   int64
	types   string // only keys of this type; "": of any
}

// SCAN cursor [options]. The cursor is the place in the order of the hashes where
// the next call goes on, so that it needs no memory between calls, and what is
// there throughout is returned: see engine.Tx.Scan. Where the index has more keys
// at a place than COUNT, the reply has them all.
func scan(s *Session, args [][]byte, out *wire.Reply) error {
	o, err := parseScan(args)
	if err != nil {
		return err
	}
	s.elems = s.elems[:0]
	next, err := s.tx.Scan(o.cursor, int(o.count), func(key []byte, it engine.Item) bool {
		if o.wants(key, it.Type) {
			s.elems = append(s.elems, wire.Bulk(s.kept.copy(key)))
		}
		return true
	})
	if err != nil {
		return err
	}
	s.scratch = strconv.AppendUint(s.scratch[:0], next, 10)
	*out = wire.Array(wire.Bulk(s.scratch), wire.Array(s.elems...))
	return nil
}

func (o *scanOptions) wants(key []byte, t engine.Type) bool {
	return (o.pattern == nil || match(o.pattern, key)) && (o.types == "" || o.types == typeName(t))
}

// parseScan reads SCAN cursor [MATCH pattern] [COUNT count] [TYPE type].
func parseScan(args [][]byte) (o scanOptions, err error) {
	o.count = 10
	if o.cursor, err = strconv.ParseUint(string(args[1]), 10, 64); err != nil {
		return o, errCursor
	}
	for words := args[2:]; len(words) > 0; words = words[2:] {
		switch {
		case len(words) < 2:
			return o, errSyntax
		case is(words[0], "COUNT"):
			if o.count, err = parseInteger(words[1]); err == nil && o.count < 1 {
				err = errSyntax
			}
		case is(words[0], "MATCH"):
			if o.pattern = words[1]; string(o.pattern) == "*" {
				o.pattern = nil
			}
		case is(words[0], "TYPE"):
			o.types, err = parseType(words[1])
		default:
			return o, errSyntax
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// checkScan is what Check makes of SCAN.
func checkScan(args [][]byte) error {
	_, err := parseScan(args)
	return err
}
