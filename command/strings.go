package command

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// item reads what is at key, of any type. What it points to is valid until the end of the
// command, also when the key is overwritten.
func (s *Session) item(key []byte) (it engine.Item, found bool, err error) {
	found, err = s.tx.Get(key, &it)
	return it, found, err
}

// getString is item for a string.
func (s *Session) getString(key []byte) (it engine.Item, found bool, err error) {
	it, found, err = s.item(key)
	if err == nil && found && it.Type != engine.TypeString {
		err = errWrongType
	}
	return it, found, err
}

// putString sets key to a string that expires at a Unix time in milliseconds, 0
// for never.
func (s *Session) putString(key, value []byte, expireAt int64) error {
	return s.tx.Put(key, engine.Item{Value: value, Type: engine.TypeString, ExpireAt: expireAt})
}

// GET key
func get(s *Session, args [][]byte, out *wire.Reply) error {
	var it engine.Item // not by getString, which would copy it: see engine.Tx
	found, err := s.tx.Get(args[1], &it)
	s.seen(found)
	switch {
	case err != nil || !found:
		*out = wire.Nil
		return err
	case it.Type != engine.TypeString:
		return errWrongType
	}
	out.Kind, out.Str = wire.KindBulk, it.Value // in place, see engine.Tx
	return nil
}

// GETSET key value
func getSet(s *Session, args [][]byte, out *wire.Reply) error {
	if err := get(s, args, out); err != nil {
		return err
	}
	return s.putString(args[1], args[2], 0)
}

// GETDEL key
func getDel(s *Session, args [][]byte, out *wire.Reply) error {
	if err := get(s, args, out); err != nil {
		return err
	}
	_, err := s.tx.Delete(args[1])
	return err
}

// GETEX key [options]
func getEx(s *Session, args [][]byte, out *wire.Reply) error {
	o, err := parseGetEx(args)
	if err != nil {
		return err
	}
	it, found, err := s.getString(args[1])
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	old := wire.Bulk(it.Value)
	switch {
	case o.expire.given():
		at, err := o.expire.at(s.tx.Now(), args[0])
		if err != nil {
			return err
		}
		*out = old
		return s.expire(args[1], at)
	case o.persist && it.ExpireAt != 0:
		_, err = s.tx.Expire(args[1], 0)
	}
	*out = old
	return err
}

// MGET key [key ...]
func mGet(s *Session, args [][]byte, out *wire.Reply) error {
	s.elems = s.elems[:0]
	for _, key := range args[1:] {
		it, found, err := s.item(key)
		s.seen(found)
		if err != nil {
			return err
		}
		value := wire.Nil // also for a key of another type
		if found && it.Type == engine.TypeString {
			value = wire.Bulk(it.Value)
		}
		s.elems = append(s.elems, value)
	}
	*out = wire.Array(s.elems...)
	return nil
}

// STRLEN key
func strLen(s *Session, args [][]byte, out *wire.Reply) error {
	it, _, err := s.getString(args[1])
	*out = wire.Integer(int64(len(it.Value)))
	return err
}

// GETRANGE key start end; also SUBSTR
func getRange(s *Session, args [][]byte, out *wire.Reply) error {
	start, err := parseInteger(args[2])
	if err != nil {
		return err
	}
	end, err := parseInteger(args[3])
	if err != nil {
		return err
	}
	it, _, err := s.getString(args[1])
	if err != nil {
		return err
	}
	from, to := clampRange(start, end, int64(len(it.Value)))
	*out = wire.Bulk(it.Value[from:to])
	return nil
}

// clampRange converts indexes as Redis writes them, inclusive and from the end
// when negative, to a slice of n bytes.
func clampRange(start, end, n int64) (from, to int64) {
	if start < 0 && end < 0 && start > end {
		return 0, 0
	}
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
	return start, end + 1
}

// SETNX key value
func setNX(s *Session, args [][]byte, out *wire.Reply) error {
	found, err := s.tx.Exists(args[1])
	if err != nil || found {
		*out = wire.Integer(0)
		return err
	}
	*out = wire.Integer(1)
	return s.putString(args[1], args[2], 0)
}

// SETEX key seconds value
func setEx(s *Session, args [][]byte, out *wire.Reply) error {
	return s.setFor(args, expiry{word: args[2]}, out)
}

// PSETEX key milliseconds value
func pSetEx(s *Session, args [][]byte, out *wire.Reply) error {
	return s.setFor(args, expiry{word: args[2], millis: true}, out)
}

func (s *Session) setFor(args [][]byte, e expiry, out *wire.Reply) error {
	at, err := e.at(s.tx.Now(), args[0])
	if err != nil {
		return err
	}
	*out = wire.OK
	return s.putString(args[1], args[3], at)
}

// checkSetEx is what Check makes of SETEX and PSETEX.
func checkSetEx(args [][]byte) error {
	return expiry{word: args[2], millis: is(args[0], "PSETEX")}.check(args[0])
}

// MSET key value [key value ...]
func mSet(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkPairs(args); err != nil {
		return err
	}
	for i := 1; i < len(args); i += 2 {
		if err := s.putString(args[i], args[i+1], 0); err != nil {
			return err
		}
	}
	*out = wire.OK
	return nil
}

// MSETNX key value [key value ...]
func mSetNX(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkPairs(args); err != nil {
		return err
	}
	for i := 1; i < len(args); i += 2 {
		found, err := s.tx.Exists(args[i])
		if err != nil || found {
			*out = wire.Integer(0)
			return err
		}
	}
	err := mSet(s, args, out)
	*out = wire.Integer(1)
	return err
}

// APPEND key value
func appendValue(s *Session, args [][]byte, out *wire.Reply) error {
	it, _, err := s.getString(args[1])
	if err != nil {
		return err
	}
	if len(it.Value)+len(args[2]) > engine.MaxValue {
		return errTooLong
	}
	s.scratch = append(append(s.scratch[:0], it.Value...), args[2]...)
	*out = wire.Integer(int64(len(s.scratch)))
	return s.putString(args[1], s.scratch, it.ExpireAt)
}

// SETRANGE key offset value
func setRange(s *Session, args [][]byte, out *wire.Reply) error {
	offset, err := parseOffset(args[2])
	if err != nil {
		return err
	}
	it, _, err := s.getString(args[1])
	if err != nil {
		return err
	}
	value := args[3]
	if len(value) == 0 {
		*out = wire.Integer(int64(len(it.Value)))
		return nil
	}
	if offset > engine.MaxValue-int64(len(value)) {
		return errTooLong
	}
	s.scratch = overlay(s.scratch[:0], it.Value, int(offset), value)
	*out = wire.Integer(int64(len(s.scratch)))
	return s.putString(args[1], s.scratch, it.ExpireAt)
}

func parseOffset(b []byte) (int64, error) {
	n, err := parseInteger(b)
	if err == nil && n < 0 {
		err = errOffset
	}
	return n, err
}

// checkSetRange is what Check makes of SETRANGE.
func checkSetRange(args [][]byte) error {
	_, err := parseOffset(args[2])
	return err
}

// overlay appends old to dst with value written over it from offset on; a gap
// between the two becomes zeros.
func overlay(dst, old []byte, offset int, value []byte) []byte {
	end := offset + len(value)
	dst = append(dst, old...)
	if missing := end - len(old); missing > 0 {
		dst = append(dst, make([]byte, missing)...)
	}
	copy(dst[len(dst)-max(len(old), end)+offset:], value)
	return dst
}

// CAS key old new [ttl]
func cas(s *Session, args [][]byte, out *wire.Reply) error {
	e, err := parseCAS(args)
	if err != nil {
		return err
	}
	var at int64
	if e.given() {
		if at, err = e.at(s.tx.Now(), args[0]); err != nil {
			return err
		}
	}
	it, found, err := s.getString(args[1])
	if err != nil || !found || string(it.Value) != string(args[2]) {
		*out = wire.Integer(0)
		return err
	}
	if !e.given() {
		at = it.ExpireAt
	}
	*out = wire.Integer(1)
	return s.putString(args[1], args[3], at)
}

// parseCAS reads the time to live of CAS, if there is one.
func parseCAS(args [][]byte) (e expiry, err error) {
	if len(args) > 5 {
		return e, wrongArity(args[0])
	}
	if len(args) == 5 {
		e.word = nonNil(args[4])
	}
	return e, nil
}

// checkCAS is what Check makes of CAS.
func checkCAS(args [][]byte) error {
	e, err := parseCAS(args)
	return firstError(err, e.check(args[0]))
}

// DELIFEQ key value
func delIfEq(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.getString(args[1])
	if err != nil || !found || string(it.Value) != string(args[2]) {
		*out = wire.Integer(0)
		return err
	}
	_, err = s.tx.Delete(args[1])
	*out = wire.Integer(1)
	return err
}
