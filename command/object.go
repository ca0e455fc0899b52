package command

import "github.com/nubdb/nubdb/wire"

// OBJECT tells how Redis would hold a value in memory, as it does right after SET
// or RESTORE. Here every string is bytes, so that an earlier APPEND or SETBIT leaves
// nothing to tell, and nothing is counted or timed when a key is read.

// maxEmbedded is the length in bytes up to which Redis keeps a string and its header together.
const maxEmbedded = 44

// OBJECT ENCODING key
func objectEncoding(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.getString(args[2])
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	if _, err := parseInteger(it.Value); err == nil {
		*out = wire.BulkString("int")
		return nil
	}
	if len(it.Value) <= maxEmbedded {
		*out = wire.BulkString("embstr")
		return nil
	}
	*out = wire.BulkString("raw")
	return nil
}

// OBJECT FREQ key
func objectFreq(s *Session, args [][]byte, out *wire.Reply) error {
	found, err := s.tx.Exists(args[2])
	if err == nil && found {
		err = errNoFreq
	}
	*out = wire.Nil
	return err
}

// OBJECT IDLETIME key
func objectIdleTime(s *Session, args [][]byte, out *wire.Reply) error {
	return s.integerIfFound(args[2], 0, out)
}

// OBJECT REFCOUNT key
func objectRefCount(s *Session, args [][]byte, out *wire.Reply) error {
	return s.integerIfFound(args[2], 1, out)
}

// integerIfFound answers n for a key, nil if it is not there.
func (s *Session) integerIfFound(key []byte, n int64, out *wire.Reply) error {
	found, err := s.tx.Exists(key)
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	*out = wire.Integer(n)
	return nil
}
