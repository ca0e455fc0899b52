package command

import (
	"bytes"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// setOptions are the options of SET and GETEX.
type setOptions struct {
	nx, xx  bool   // only if the key is absent, only if it is there
	ifEq    []byte // only if the value is this; nil: without the option
	get     bool   // answer the old value
	keepTTL bool
	persist bool
	expire  expiry
	short   bool // expire comes from NubDB's short form
}

// SET key value [options]
func set(s *Session, args [][]byte, out *wire.Reply) error {
	if len(args) == 3 { // the common case needs no look at the old value
		*out = wire.OK
		return s.putString(args[1], args[2], 0)
	}
	o, err := parseSet(args)
	if err != nil {
		return err
	}
	var at int64
	if o.expire.given() {
		if at, err = o.expire.at(s.tx.Now(), args[0]); err != nil {
			return err
		}
	}
	old, found, err := s.item(args[1])
	switch {
	case err != nil:
		return err
	case found && old.Type != engine.TypeString && (o.get || o.ifEq != nil):
		return errWrongType
	case o.keepTTL:
		at = old.ExpireAt
	}
	done := o.allows(old, found)
	if done {
		err = s.putExpiring(args[1], args[2], at)
	}
	*out = o.answer(old, found, done)
	return err
}

// putExpiring is putString, but a time that has passed deletes the key.
func (s *Session) putExpiring(key, value []byte, at int64) error {
	if at != 0 && at <= s.tx.Now() {
		_, err := s.tx.Delete(key)
		return err
	}
	return s.putString(key, value, at)
}

// allows tells whether the condition of SET is met by what the key holds.
func (o *setOptions) allows(old engine.Item, found bool) bool {
	switch {
	case o.nx:
		return !found
	case o.xx:
		return found
	case o.ifEq != nil:
		return found && string(old.Value) == string(o.ifEq)
	}
	return true
}

func (o *setOptions) answer(old engine.Item, found, done bool) wire.Reply {
	switch {
	case o.get && found:
		return wire.Bulk(old.Value)
	case o.get || !done:
		return wire.Nil
	}
	return wire.OK
}

// parseSet reads SET key value [options].
func parseSet(args [][]byte) (o setOptions, err error) {
	rest := args[3:]
	if len(rest) > 0 && looksInteger(rest[0]) {
		o.expire.word, o.short = rest[0], true
		rest = rest[1:]
	}
	for len(rest) > 0 {
		n := o.condition(rest)
		if n == 0 {
			n = o.time(rest)
		}
		if n == 0 {
			return o, errSyntax
		}
		rest = rest[n:]
	}
	return o, nil
}

// parseGetEx reads GETEX key [options].
func parseGetEx(args [][]byte) (o setOptions, err error) {
	rest := args[2:]
	for len(rest) > 0 {
		n := 0
		if is(rest[0], "PERSIST") && !o.expire.given() {
			o.persist, n = true, 1
		} else if !o.persist && !is(rest[0], "KEEPTTL") {
			n = o.time(rest)
		}
		if n == 0 {
			return o, errSyntax
		}
		rest = rest[n:]
	}
	return o, nil
}

// condition reads NX, XX, IFEQ or GET at the start of words and answers how many
// words that took: 0 if there is none, or if it excludes what came before.
func (o *setOptions) condition(words [][]byte) int {
	switch word := words[0]; {
	case is(word, "GET"):
		o.get = true
	case is(word, "NX") && !o.xx && o.ifEq == nil:
		o.nx = true
	case is(word, "XX") && !o.nx && o.ifEq == nil:
		o.xx = true
	case is(word, "IFEQ") && !o.nx && !o.xx && o.ifEq == nil && len(words) > 1:
		o.ifEq = nonNil(words[1])
		return 2
	default:
		return 0
	}
	return 1
}

// time reads KEEPTTL, EX, PX, EXAT or PXAT likewise. The same option may be
// given again and the last one counts, as in Redis.
func (o *setOptions) time(words [][]byte) int {
	if is(words[0], "KEEPTTL") && !o.expire.given() {
		o.keepTTL = true
		return 1
	}
	e, ok := parseUnit(words)
	if !ok || o.keepTTL || o.short || o.expire.given() && !o.expire.sameUnit(e) {
		return 0
	}
	o.expire = e
	return 2
}

// looksInteger tells whether a word was meant as a number: the short form of SET
// has to refuse a bad one instead of taking it for an option.
func looksInteger(word []byte) bool {
	digits := bytes.TrimPrefix(word, []byte{'-'})
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) > 0
}

// checkSet is what Check makes of the options of SET.
func checkSet(args [][]byte) error {
	o, err := parseSet(args)
	return firstError(err, o.expire.check(args[0]))
}

// checkGetEx is what Check makes of the options of GETEX.
func checkGetEx(args [][]byte) error {
	o, err := parseGetEx(args)
	return firstError(err, o.expire.check(args[0]))
}
