package command

import "github.com/nubdb/nubdb/wire"

// Prefetch announces n commands that will be run soon, of which next returns the i-th,
// or nil for what is none. Their keys are fetched from memory together, which is faster
// than one after the other. It changes nothing, and does nothing outside of a transaction.
func (s *Session) Prefetch(n int, next func(i int) *wire.Command) {
	if s.tx == nil {
		return
	}
	keys := s.ahead[:0]
	for i := range n {
		// The first argument is the key of nearly every command, and for the others
		// nothing is lost: to ask the table would cost more.
		if c := next(i); c != nil && len(c.Args) > 1 {
			keys = append(keys, c.Args[1])
		}
	}
	s.tx.Prefetch(keys)
	s.ahead = keys
}
