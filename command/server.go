package command

import "github.com/nubdb/nubdb/wire"

// DBSIZE
func dbSize(s *Session, _ [][]byte) (wire.Reply, error) {
	n, err := s.tx.Len()
	return wire.Integer(n), err
}
