package command

import (
	"math"
	"strconv"

	"github.com/nubdb/nubdb/wire"
)

// INCR key
func incr(s *Session, args [][]byte, out *wire.Reply) error { return s.add(args[1], 1, out) }

// DECR key
func decr(s *Session, args [][]byte, out *wire.Reply) error { return s.add(args[1], -1, out) }

// INCRBY key increment
func incrBy(s *Session, args [][]byte, out *wire.Reply) error {
	n, err := parseInteger(args[2])
	if err != nil {
		return err
	}
	return s.add(args[1], n, out)
}

// DECRBY key decrement
func decrBy(s *Session, args [][]byte, out *wire.Reply) error {
	n, err := parseInteger(args[2])
	if err != nil {
		return err
	}
	if n == math.MinInt64 {
		return errDecrOverflow
	}
	return s.add(args[1], -n, out)
}

// add adds n to the integer at key, 0 if there is none, and keeps its expiry.
func (s *Session) add(key []byte, n int64, out *wire.Reply) error {
	it, found, err := s.getString(key)
	if err != nil {
		return err
	}
	old := int64(0)
	if found {
		if old, err = parseInteger(it.Value); err != nil {
			return err
		}
	}
	if addOverflows(old, n) {
		return errOverflow
	}
	s.scratch = strconv.AppendInt(s.scratch[:0], old+n, 10)
	*out = wire.Integer(old + n)
	return s.putString(key, s.scratch, it.ExpireAt)
}
