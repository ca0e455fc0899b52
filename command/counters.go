package command

import (
	"math"
	"strconv"

	"github.com/nubdb/nubdb/wire"
)

// INCR key
func incr(s *Session, args [][]byte) (wire.Reply, error) { return s.add(args[1], 1) }

// DECR key
func decr(s *Session, args [][]byte) (wire.Reply, error) { return s.add(args[1], -1) }

// INCRBY key increment
func incrBy(s *Session, args [][]byte) (wire.Reply, error) {
	n, err := parseInteger(args[2])
	if err != nil {
		return wire.Reply{}, err
	}
	return s.add(args[1], n)
}

// DECRBY key decrement
func decrBy(s *Session, args [][]byte) (wire.Reply, error) {
	n, err := parseInteger(args[2])
	if err != nil {
		return wire.Reply{}, err
	}
	if n == math.MinInt64 {
		return wire.Reply{}, errDecrOverflow
	}
	return s.add(args[1], -n)
}

// add adds n to the integer at key, 0 if there is none, and keeps its expiry.
func (s *Session) add(key []byte, n int64) (wire.Reply, error) {
	it, found, err := s.getString(key)
	if err != nil {
		return wire.Reply{}, err
	}
	old := int64(0)
	if found {
		if old, err = parseInteger(it.Value); err != nil {
			return wire.Reply{}, err
		}
	}
	if addOverflows(old, n) {
		return wire.Reply{}, errOverflow
	}
	s.scratch = strconv.AppendInt(s.scratch[:0], old+n, 10)
	return wire.Integer(old + n), s.putString(key, s.scratch, it.ExpireAt)
}
