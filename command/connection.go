package command

import "github.com/nubdb/nubdb/wire"

var pong = wire.Reply{Kind: wire.KindStatus, Str: []byte("PONG")}

// PING [message]
func ping(_ *Session, args [][]byte) (wire.Reply, error) {
	switch len(args) {
	case 1:
		return pong, nil
	case 2:
		return wire.Bulk(args[1]), nil
	}
	return wire.Reply{}, wrongArity(args[0])
}

// ECHO message
func echo(_ *Session, args [][]byte) (wire.Reply, error) {
	return wire.Bulk(args[1]), nil
}

// SELECT index
func selectDatabase(_ *Session, args [][]byte) (wire.Reply, error) {
	n, err := parseInteger(args[1])
	if err != nil {
		return wire.Reply{}, err
	}
	if n != 0 {
		return wire.Reply{}, errDatabase
	}
	return wire.OK, nil
}

// QUIT
func quit(s *Session, _ [][]byte) (wire.Reply, error) {
	s.quit = true
	return wire.OK, nil
}
