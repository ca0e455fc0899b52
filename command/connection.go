package command

import "github.com/nubdb/nubdb/wire"

var pong = wire.Reply{Kind: wire.KindStatus, Str: []byte("PONG")}

// PING [message]
func ping(_ *Session, args [][]byte) (wire.Reply, error) {
	if err := atMostOne(args); err != nil {
		return wire.Reply{}, err
	}
	if len(args) == 2 {
		return wire.Bulk(args[1]), nil
	}
	return pong, nil
}

// ECHO message
func echo(_ *Session, args [][]byte) (wire.Reply, error) {
	return wire.Bulk(args[1]), nil
}

// SELECT index
func selectDatabase(_ *Session, args [][]byte) (wire.Reply, error) {
	return wire.OK, checkSelect(args)
}

// checkSelect knows one database, number 0.
func checkSelect(args [][]byte) error {
	return parseDatabase(args[1])
}

// parseDatabase reads the number of a database, of which there is one.
func parseDatabase(word []byte) error {
	n, err := parseInteger(word)
	switch {
	case err != nil:
		return err
	case n != int64(int32(n)):
		return errNotInt
	case n != 0:
		return errDatabase
	}
	return nil
}

// QUIT
func quit(s *Session, _ [][]byte) (wire.Reply, error) {
	s.quit = true
	return wire.OK, nil
}
