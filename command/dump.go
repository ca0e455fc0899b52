package command

import (
	"math"

	"github.com/nubdb/nubdb/wire"
)

// DUMP key
func dump(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.getString(args[1])
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	s.scratch = appendPayload(s.scratch[:0], it.Value)
	*out = wire.Bulk(s.scratch)
	return nil
}

// restoreOptions are the options of RESTORE. IDLETIME and FREQ are for a cache,
// which this is not: they are checked and forgotten.
type restoreOptions struct {
	replace  bool
	absolute bool // the time is a Unix time
	idle     bool
	freq     bool
}

// RESTORE key ttl serialized-value [options]
func restore(s *Session, args [][]byte, out *wire.Reply) error {
	o, err := parseRestore(args)
	if err != nil {
		return err
	}
	if !o.replace {
		if found, err := s.tx.Exists(args[1]); err != nil || found {
			return firstError(err, errBusyKey)
		}
	}
	at, err := o.expireAt(args[2], s.tx.Now())
	if err != nil {
		return err
	}
	s.scratch, err = appendRestored(s.scratch[:0], args[3])
	if err != nil {
		return err
	}
	*out = wire.OK
	return s.putExpiring(args[1], s.scratch, at)
}

// maxRestoreTTL bounds a time to live in milliseconds so that it can be added to
// any clock. Valkey has no such check: there the key is gone at once.
const maxRestoreTTL = 1 << 62

// expireAt is the time to live or the time of expiry in Unix milliseconds, 0 for never.
func (o *restoreOptions) expireAt(word []byte, now int64) (int64, error) {
	n, err := parseInteger(word)
	switch {
	case err != nil:
		return 0, err
	case n < 0 || !o.absolute && n > maxRestoreTTL:
		return 0, errRestoreTTL
	case n == 0 || o.absolute:
		return n, nil
	}
	return n + now, nil
}

// parseRestore reads the options of RESTORE.
func parseRestore(args [][]byte) (o restoreOptions, err error) {
	for words := args[4:]; len(words) > 0; {
		n := 2
		switch word := words[0]; {
		case is(word, "REPLACE"):
			o.replace, n = true, 1
		case is(word, "ABSTTL"):
			o.absolute, n = true, 1
		case is(word, "IDLETIME") && len(words) > 1 && !o.freq:
			o.idle, err = true, checkWithin(words[1], math.MaxInt64, errRestoreIdle)
		case is(word, "FREQ") && len(words) > 1 && !o.idle:
			o.freq, err = true, checkWithin(words[1], 255, errRestoreFreq)
		default:
			err = errSyntax
		}
		if err != nil {
			return o, err
		}
		words = words[n:]
	}
	return o, nil
}

// checkWithin demands an integer from 0 to most; bad is the error for another.
func checkWithin(word []byte, most int64, bad error) error {
	n, err := parseInteger(word)
	if err == nil && (n < 0 || n > most) {
		err = bad
	}
	return err
}

// checkRestore is what Check makes of RESTORE. When it runs without REPLACE and the
// key is in the way, that is its error.
func checkRestore(args [][]byte) error {
	o, err := parseRestore(args)
	if err != nil {
		return err
	}
	if _, err = o.expireAt(args[2], 0); err != nil {
		return err
	}
	_, err = appendRestored(nil, args[3])
	return err
}
