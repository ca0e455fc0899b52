package command

import "github.com/nubdb/nubdb/wire"

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
func shutdown(s *Session, args [][]byte, out *wire.Reply) error {
	o, err := parseShutdown(args)
	switch {
	case err != nil:
		return err
	case o.abort:
		return errNoShutdown
	case s.in.set.Shutdown == nil:
		return notServer("SHUTDOWN")
	}
	s.in.set.Shutdown(!o.noSave)
	if s.opt.Local {
		*out = wire.OK
		return nil // the server takes its leave of who is on its machine
	}
	s.quit = true
	*out = wire.None
	return nil // as in Valkey: the end of the connection is the answer
}

type shutdownOptions struct{ save, noSave, abort bool }

func parseShutdown(args [][]byte) (o shutdownOptions, err error) {
	for _, word := range args[1:] {
		switch {
		case is(word, "SAVE"):
			o.save = true
		case is(word, "NOSAVE"):
			o.noSave = true
		case is(word, "ABORT"):
			o.abort = true
		case is(word, "NOW"), is(word, "FORCE"):
		default:
			return o, errSyntax
		}
	}
	if o.save && o.noSave || o.abort && len(args) > 2 {
		return o, errSyntax
	}
	return o, nil
}

func checkShutdown(args [][]byte) error {
	_, err := parseShutdown(args)
	return err
}
