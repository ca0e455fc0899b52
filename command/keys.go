package command

import (
	"bytes"
	"strings"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// DEL key [key ...]; also UNLINK
func del(s *Session, args [][]byte, out *wire.Reply) error {
	return count(args[1:], s.tx.Delete, out)
}

// EXISTS key [key ...]; also TOUCH
func exists(s *Session, args [][]byte, out *wire.Reply) error {
	return count(args[1:], func(key []byte) (bool, error) {
		found, err := s.tx.Exists(key)
		s.seen(found)
		return found, err
	}, out)
}

// count answers for how many keys does is true. A key given twice is asked twice.
func count(keys [][]byte, does func(key []byte) (bool, error), out *wire.Reply) error {
	n := int64(0)
	for _, key := range keys {
		yes, err := does(key)
		if err != nil {
			return err
		}
		if yes {
			n++
		}
	}
	*out = wire.Integer(n)
	return nil
}

// TYPE key
func typeOf(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.item(args[1])
	if err != nil || !found {
		*out = wire.Status("none")
		return err
	}
	*out = wire.Status(typeName(it.Type))
	return nil
}

// typeName is what TYPE answers and SCAN TYPE compares.
func typeName(t engine.Type) string {
	if t == engine.TypeString {
		return "string"
	}
	return "unknown" // written by a newer version
}

// parseType reads the name of a type, in any case, of those that Valkey has.
func parseType(word []byte) (string, error) {
	for _, name := range [...]string{"string", "list", "set", "zset", "hash", "stream"} {
		if strings.EqualFold(name, string(word)) {
			return name, nil
		}
	}
	return "", unknownType(word)
}

// KEYS pattern
//
// Where it does not belong to a group it goes through the database in pieces, like SCAN, so
// that it keeps nobody waiting: what is there throughout is answered.
func keys(s *Session, args [][]byte, out *wire.Reply) error {
	const piece = 1024 // keys
	everything := string(args[1]) == "*"
	s.elems = s.elems[:0]
	visit := func(key []byte, _ engine.Item) bool {
		if everything || match(args[1], key) {
			s.elems = append(s.elems, wire.Bulk(s.kept.copy(key)))
		}
		return true
	}
	for cursor := uint64(0); ; {
		var err error
		if cursor, err = s.tx.Scan(cursor, piece, visit); err != nil || cursor == 0 {
			*out = wire.Array(s.elems...)
			return err
		}
		if s.interrupted() {
			return errInterrupted
		}
		if err := s.breathe(); err != nil {
			return err
		}
	}
}

// breathe lets others write in the middle of a command that only reads, unless it belongs
// to a group, an EXEC or an atomic run.
func (s *Session) breathe() error {
	if s.group || s.running > 0 || s.atomic {
		return nil
	}
	if err := s.release(); err != nil {
		return err
	}
	return s.begin(false)
}

// RANDOMKEY
func randomKey(s *Session, _ [][]byte, out *wire.Reply) error {
	key, found, err := s.tx.Random()
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	*out = wire.Bulk(key)
	return nil
}

// RENAME key newkey
func rename(s *Session, args [][]byte, out *wire.Reply) error {
	it, err := s.mustGet(args[1])
	if err != nil {
		return err
	}
	*out = wire.OK
	return s.move(it, args[1], args[2])
}

// RENAMENX key newkey
func renameNX(s *Session, args [][]byte, out *wire.Reply) error {
	it, err := s.mustGet(args[1])
	if err != nil {
		return err
	}
	taken, err := s.tx.Exists(args[2])
	if err != nil || taken {
		*out = wire.Integer(0)
		return err
	}
	*out = wire.Integer(1)
	return s.move(it, args[1], args[2])
}

func (s *Session) mustGet(key []byte) (engine.Item, error) {
	it, found, err := s.item(key)
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

// COPY source destination [DB destination-db] [REPLACE]
func copyKey(s *Session, args [][]byte, out *wire.Reply) error {
	replace, err := parseCopy(args)
	if err != nil {
		return err
	}
	it, found, err := s.item(args[1])
	if err != nil || !found {
		*out = wire.Integer(0)
		return err
	}
	taken, err := s.tx.Exists(args[2])
	if err != nil || taken && !replace {
		*out = wire.Integer(0)
		return err
	}
	*out = wire.Integer(1)
	return s.tx.Put(args[2], it)
}

// parseCopy reads the options of COPY.
func parseCopy(args [][]byte) (replace bool, err error) {
	for words := args[3:]; len(words) > 0; words = words[1:] {
		switch {
		case is(words[0], "REPLACE"):
			replace = true
		case is(words[0], "DB") && len(words) > 1:
			if err := parseDatabase(words[1]); err != nil {
				return false, err
			}
			words = words[1:]
		default:
			return false, errSyntax
		}
	}
	if bytes.Equal(args[1], args[2]) {
		return false, errSameObject
	}
	return replace, nil
}

// checkCopy is what Check makes of COPY.
func checkCopy(args [][]byte) error {
	_, err := parseCopy(args)
	return err
}
