package command

import (
	"math"

	"github.com/nubdb/nubdb/wire"
)

// expiry is a time to live or a time of expiry as it was written. The zero value
// is none.
type expiry struct {
	word     []byte // nil: none
	millis   bool   // in milliseconds, otherwise in seconds
	absolute bool   // since 1970, otherwise from now
}

func (e expiry) given() bool { return e.word != nil }

func (e expiry) sameUnit(f expiry) bool { return e.millis == f.millis && e.absolute == f.absolute }

// parseUnit reads EX, PX, EXAT or PXAT and its value at the start of words.
func parseUnit(words [][]byte) (e expiry, ok bool) {
	switch word := words[0]; {
	case is(word, "EX"):
	case is(word, "PX"):
		e.millis = true
	case is(word, "EXAT"):
		e.absolute = true
	case is(word, "PXAT"):
		e.millis, e.absolute = true, true
	default:
		return e, false
	}
	if len(words) < 2 {
		return e, false
	}
	e.word = nonNil(words[1])
	return e, true
}

// at is the time in Unix milliseconds; it must have been written as a positive
// number. now is in Unix milliseconds too; name is the command's, for the error.
func (e expiry) at(now int64, name []byte) (int64, error) {
	n, err := parseInteger(e.word)
	if err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, invalidExpire(name)
	}
	return e.convert(n, now, name)
}

// convert is n in Unix milliseconds. A result that leaves 64 bits is an error.
func (e expiry) convert(n, now int64, name []byte) (int64, error) {
	if !e.millis {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return 0, invalidExpire(name)
		}
		n *= 1000
	}
	if !e.absolute {
		if addOverflows(n, now) {
			return 0, invalidExpire(name)
		}
		n += now
	}
	return n, nil
}

// check makes those checks of at that need no clock.
func (e expiry) check(name []byte) error {
	if !e.given() {
		return nil
	}
	_, err := e.at(0, name)
	return err
}

// expire sets when a live key expires, in Unix milliseconds. A time that has
// passed deletes it.
func (s *Session) expire(key []byte, at int64) error {
	var err error
	if at <= s.tx.Now() {
		_, err = s.tx.Delete(key)
	} else {
		_, err = s.tx.Expire(key, at)
	}
	return err
}

// expireConditions are the options of EXPIRE and its kin.
type expireConditions struct{ nx, xx, gt, lt bool }

// parseExpire reads EXPIRE key time [NX|XX|GT|LT ...].
func parseExpire(args [][]byte) (c expireConditions, err error) {
	for _, word := range args[3:] {
		switch {
		case is(word, "NX"):
			c.nx = true
		case is(word, "XX"):
			c.xx = true
		case is(word, "GT"):
			c.gt = true
		case is(word, "LT"):
			c.lt = true
		default:
			return c, unsupportedOption(word)
		}
	}
	switch {
	case c.nx && (c.xx || c.gt || c.lt):
		return c, errNXIncompatible
	case c.gt && c.lt:
		return c, errGTIncompatible
	}
	return c, nil
}

// allows tells whether a key that expires at old, 0 for never, may expire at new.
// Never is later than any time.
func (c expireConditions) allows(old, new int64) bool {
	switch {
	case c.nx && old != 0, c.xx && old == 0:
		return false
	case c.gt && (old == 0 || new <= old):
		return false
	case c.lt && old != 0 && new >= old:
		return false
	}
	return true
}

// checkExpire is what Check makes of EXPIRE and its kin.
func checkExpire(args [][]byte) error {
	_, err := parseExpire(args)
	_, notInteger := parseInteger(args[2])
	return firstError(err, notInteger)
}

// EXPIRE key seconds [options]
func expire(s *Session, args [][]byte, out *wire.Reply) error {
	return s.expireCommand(args, expiry{word: args[2]}, out)
}

// PEXPIRE key milliseconds [options]
func pExpire(s *Session, args [][]byte, out *wire.Reply) error {
	return s.expireCommand(args, expiry{word: args[2], millis: true}, out)
}

// EXPIREAT key unix-time-seconds [options]
func expireAt(s *Session, args [][]byte, out *wire.Reply) error {
	return s.expireCommand(args, expiry{word: args[2], absolute: true}, out)
}

// PEXPIREAT key unix-time-milliseconds [options]
func pExpireAt(s *Session, args [][]byte, out *wire.Reply) error {
	return s.expireCommand(args, expiry{word: args[2], millis: true, absolute: true}, out)
}

func (s *Session) expireCommand(args [][]byte, e expiry, out *wire.Reply) error {
	conditions, err := parseExpire(args)
	if err != nil {
		return err
	}
	n, err := parseInteger(e.word)
	if err != nil {
		return err
	}
	at, err := e.convert(n, s.tx.Now(), args[0])
	if err != nil {
		return err
	}
	it, found, err := s.item(args[1])
	if err != nil || !found || !conditions.allows(it.ExpireAt, at) {
		*out = wire.Integer(0)
		return err
	}
	*out = wire.Integer(1)
	return s.expire(args[1], at)
}

// PERSIST key
func persist(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.item(args[1])
	if err != nil || !found || it.ExpireAt == 0 {
		*out = wire.Integer(0)
		return err
	}
	_, err = s.tx.Expire(args[1], 0)
	*out = wire.Integer(1)
	return err
}

// What TTL and its kin answer for a key that never expires and for no key.
const (
	ttlNever = -1
	ttlNoKey = -2
)

// TTL key
func ttl(s *Session, args [][]byte, out *wire.Reply) error {
	return s.timeLeft(args[1], s.tx.Now(), inSeconds, out)
}

// PTTL key
func pTTL(s *Session, args [][]byte, out *wire.Reply) error {
	return s.timeLeft(args[1], s.tx.Now(), inMillis, out)
}

// EXPIRETIME key
func expireTime(s *Session, args [][]byte, out *wire.Reply) error {
	return s.timeLeft(args[1], 0, inSeconds, out)
}

// PEXPIRETIME key
func pExpireTime(s *Session, args [][]byte, out *wire.Reply) error {
	return s.timeLeft(args[1], 0, inMillis, out)
}

func inMillis(ms int64) int64 { return ms }

// inSeconds rounds to the nearest second, as Redis does.
func inSeconds(ms int64) int64 { return ms/1000 + (ms%1000+500)/1000 }

// timeLeft answers when a key expires, counted from the Unix time since in milliseconds.
func (s *Session) timeLeft(key []byte, since int64, unit func(int64) int64, out *wire.Reply) error {
	it, found, err := s.item(key)
	switch {
	case err != nil:
		return err
	case !found:
		*out = wire.Integer(ttlNoKey)
		return nil
	case it.ExpireAt == 0:
		*out = wire.Integer(ttlNever)
		return nil
	}
	*out = wire.Integer(unit(it.ExpireAt - since))
	return nil
}
