package command

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// getString reads the string at key. What it points to is valid until the end of
// the command, also when the key is overwritten.
func (s *Session) getString(key []byte) (it engine.Item, found bool, err error) {
	it, found, err = s.tx.Get(key)
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

// setExpiring is putString for a time that may have passed, which deletes.
func (s *Session) setExpiring(key, value []byte, expireAt int64) error {
	if expireAt <= s.tx.Now() {
		_, err := s.tx.Delete(key)
		return err
	}
	return s.putString(key, value, expireAt)
}

// GET key
func get(s *Session, args [][]byte) (wire.Reply, error) {
	it, found, err := s.getString(args[1])
	if err != nil || !found {
		return wire.Nil, err
	}
	return wire.Bulk(it.Value), nil
}

// SET key value [options]
func set(s *Session, args [][]byte) (wire.Reply, error) {
	if len(args) == 3 { // the common case, without a look at the old value
		return wire.OK, s.putString(args[1], args[2], 0)
	}
	o, err := parseSet(args)
	if err != nil {
		return wire.Reply{}, err
	}
	expireAt := int64(0)
	if o.expire.word != nil {
		if expireAt, err = o.expire.at(s.tx.Now(), args[0]); err != nil {
			return wire.Reply{}, err
		}
	}
	old, found, err := s.tx.Get(args[1])
	if err != nil {
		return wire.Reply{}, err
	}
	if found && old.Type != engine.TypeString && (o.get || o.ifEq != nil) {
		return wire.Reply{}, errWrongType
	}
	if o.keepTTL {
		expireAt = old.ExpireAt
	}
	meets := o.meets(old, found)
	switch {
	case !meets:
	case o.expire.word != nil:
		err = s.setExpiring(args[1], args[2], expireAt)
	default:
		err = s.putString(args[1], args[2], expireAt)
	}
	switch {
	case o.get && found:
		return wire.Bulk(old.Value), err
	case o.get || !meets:
		return wire.Nil, err
	}
	return wire.OK, err
}

// meets tells whether what the key held allows SET to set it.
func (o *setOptions) meets(old engine.Item, found bool) bool {
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

// checkSet is what Check does with the options of SET.
func checkSet(args [][]byte) error {
	o, err := parseSet(args)
	return firstError(err, o.expire.check(args[0]))
}
