package command

import (
	"bytes"
	"math"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// DEL key [key ...]; also UNLINK
func del(s *Session, args [][]byte) (wire.Reply, error) {
	return count(args[1:], s.tx.Delete)
}

// EXISTS key [key ...]; also TOUCH
func exists(s *Session, args [][]byte) (wire.Reply, error) {
	return count(args[1:], func(key []byte) (bool, error) {
		_, found, err := s.tx.Get(key)
		return found, err
	})
}

// count answers for how many keys does is true. A key given twice is asked twice.
func count(keys [][]byte, does func(key []byte) (bool, error)) (wire.Reply, error) {
	n := int64(0)
	for _, key := range keys {
		yes, err := does(key)
		if err != nil {
			return wire.Reply{}, err
		}
		if yes {
			n++
		}
	}
	return wire.Integer(n), nil
}

// TYPE key
func typeOf(s *Session, args [][]byte) (wire.Reply, error) {
	it, found, err := s.tx.Get(args[1])
	switch {
	case err != nil:
		return wire.Reply{}, err
	case !found:
		return wire.Status("none"), nil
	case it.Type == engine.TypeString:
		return wire.Status("string"), nil
	}
	return wire.Status("unknown"), nil // written by a newer version
}

// KEYS pattern
func keys(s *Session, args [][]byte) (wire.Reply, error) {
	const stride = 1024 // keys between two looks for an interrupt
	everything := string(args[1]) == "*"
	s.elems = s.elems[:0]
	var interrupted bool
	seen := 0
	_, err := s.tx.Scan(0, math.MaxInt, func(key []byte, _ engine.Item) bool {
		if seen++; seen%stride == 0 && s.interrupted() {
			interrupted = true
			return false
		}
		if everything || match(args[1], key) {
			s.elems = append(s.elems, wire.Bulk(s.kept.copy(key)))
		}
		return true
	})
	if err == nil && interrupted {
		err = errInterrupted
	}
	return wire.Array(s.elems...), err
}

// RANDOMKEY
func randomKey(s *Session, _ [][]byte) (wire.Reply, error) {
	key, found, err := s.tx.Random()
	if err != nil || !found {
		return wire.Nil, err
	}
	return wire.Bulk(key), nil
}

// RENAME key newkey
func rename(s *Session, args [][]byte) (wire.Reply, error) {
	it, err := s.mustGet(args[1])
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.OK, s.move(it, args[1], args[2])
}

// RENAMENX key newkey
func renameNX(s *Session, args [][]byte) (wire.Reply, error) {
	it, err := s.mustGet(args[1])
	if err != nil {
		return wire.Reply{}, err
	}
	_, taken, err := s.tx.Get(args[2])
	if err != nil || taken {
		return wire.Integer(0), err
	}
	return wire.Integer(1), s.move(it, args[1], args[2])
}

func (s *Session) mustGet(key []byte) (engine.Item, error) {
	it, found, err := s.tx.Get(key)
	if err == nil && !found {
		err = errNoKey
	}
	return it, err
}

// move gives an item a new key. The expiry goes along.
func (s *Session) move(it engine.Item, from, to []byte) error {
	if bytes.Equal(from, to) {
		return nil
	}
	if err := s.tx.Put(to, it); err != nil {
		return err
	}
	_, err := s.tx.Delete(from)
	return err
}
