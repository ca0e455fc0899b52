package command

import "github.com/nubdb/nubdb/wire"

// Prefetch announces n commands that will be run soon, of which next returns the i-th,
// or nil for what is none. Their first keys are fetched from memory together, which is
// faster than one after the other. It changes nothing, and does nothing outside of a
// transaction.
func (s *Session) Prefetch(n int, next func(i int) *wire.Command) {
	if s.tx == nil {
		return
	}
	keys := s.ahead[:0]
	for i := range n {
		c := next(i)
		if c == nil {
			continue
		}
		if spec := Lookup(c.Args[0]); spec != nil && spec.Keys.First > 0 && spec.Keys.First < len(c.Args) {
			keys = append(keys, c.Args[spec.Keys.First])
		}
	}
	s.tx.Prefetch(keys)
	s.ahead = keys
}
