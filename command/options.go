package command

import (
	"bytes"
	"math"
)

// is tells whether a word is the given option, which is upper case, in any case
// of its letters.
func is(word []byte, option string) bool {
	if len(word) != len(option) {
		return false
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != option[i] {
			return false
		}
	}
	return true
}

// expiry is a time of expiry as it was written. The zero value is none.
type expiry struct {
	word     []byte // nil: none
	millis   bool   // in milliseconds, otherwise in seconds
	absolute bool   // since 1970, otherwise from now
}

// at is the time in Unix milliseconds. now is in the same unit; name is the
// command's, for the error.
func (e expiry) at(now int64, name []byte) (int64, error) {
	n, err := parseInteger(e.word)
	if err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, invalidExpire(name)
	}
	return e.from(n, now, name)
}

// from converts n to Unix milliseconds with checks for overflow.
func (e expiry) from(n, now int64, name []byte) (int64, error) {
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

// setOptions are the options of SET and GETEX.
type setOptions struct {
	nx, xx   bool   // only if the key is absent, only if it is there
	ifEq     []byte // only if the value is this; nil: without the option
	get      bool   // answer the old value
	keepTTL  bool
	persist  bool
	expire   expiry
	shortTTL bool // expire comes from NubDB's short form
}

// parseSet reads SET key value [options].
func parseSet(args [][]byte) (o setOptions, err error) {
	rest := args[3:]
	if len(rest) > 0 && looksInteger(rest[0]) {
		o.expire.word, o.shortTTL = rest[0], true
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
		if is(rest[0], "PERSIST") && o.expire.word == nil {
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
// words that took, 0 if there is none or it excludes what came before.
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
// given again; the last one counts, as in Redis.
func (o *setOptions) time(words [][]byte) int {
	if is(words[0], "KEEPTTL") {
		if o.expire.word != nil {
			return 0
		}
		o.keepTTL = true
		return 1
	}
	var e expiry
	switch word := words[0]; {
	case is(word, "EX"):
	case is(word, "PX"):
		e.millis = true
	case is(word, "EXAT"):
		e.absolute = true
	case is(word, "PXAT"):
		e.millis, e.absolute = true, true
	default:
		return 0
	}
	if len(words) < 2 || o.keepTTL || o.shortTTL {
		return 0
	}
	if old := o.expire; old.word != nil && (old.millis != e.millis || old.absolute != e.absolute) {
		return 0
	}
	e.word = nonNil(words[1])
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

// nonNil keeps an empty argument apart from an absent one.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// check makes those checks of at that need no clock.
func (e expiry) check(name []byte) error {
	if e.word == nil {
		return nil
	}
	_, err := e.at(0, name)
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
