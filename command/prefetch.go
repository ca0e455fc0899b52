package command

import "github.com/nubdb/nubdb/wire"

// Prefetch announces n commands that will be run soon, of which next returns the i-th,
// or nil for what is none. Their keys are fetched from memory together, which is faster
// than one after the other. It changes nothing of the database. false says that there was
// no transaction to do it in, which a group has only after its first command.
func (s *Session) Prefetch(n int, next func(i int) *wire.Command) bool {
	keys := s.ahead[:0]
	s.coming = 0
	for i := range n {
		c := next(i)
		if c == nil {
			continue
		}
		s.coming++
		// The first argument is the key of nearly every command, and for the others
		// nothing is lost: to ask the table would cost more.
		if len(c.Args) > 1 {
			keys = append(keys, c.Args[1])
		}
	}
	s.ahead = keys
	if s.tx == nil {
		return false
	}
	s.tx.Prefetch(keys)
	return true
}
