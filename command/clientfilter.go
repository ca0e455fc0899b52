package command

import (
	"fmt"
	"slices"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// clientFilter says which clients CLIENT LIST and CLIENT KILL are about. The zero
// value is all.
type clientFilter struct {
	ids         []int64
	kind        string        // normal, pubsub, or one that no client here ever is
	addr, laddr []byte        // nil for any
	maxAge      time.Duration // only those that are older; 0 for any
	skipMe      bool
	byUser      bool // USER was given: there is but one
}

// matches tells whether a client is meant by the filter of the session s.
// Instance.mu is held.
func (f *clientFilter) matches(s, client *Session) bool {
	kind := "normal"
	if len(client.peer.channels)+len(client.peer.patterns) > 0 {
		kind = "pubsub"
	}
	return !(f.skipMe && client == s) &&
		(f.ids == nil || slices.Contains(f.ids, client.id)) &&
		(f.kind == "" || f.kind == kind) &&
		(f.addr == nil || string(f.addr) == client.opt.Addr) &&
		(f.laddr == nil || string(f.laddr) == client.opt.LocalAddr) &&
		(f.maxAge == 0 || time.Since(client.peer.began) >= f.maxAge)
}

// parseClientList reads the options of CLIENT LIST.
func parseClientList(args [][]byte) (f clientFilter, err error) {
	switch {
	case len(args) == 2:
		return f, nil
	case len(args) == 4 && is(args[2], "TYPE"):
		f.kind, err = parseClientType(args[3])
		return f, err
	case len(args) > 3 && is(args[2], "ID"):
		for _, word := range args[3:] {
			id, err := parseInteger(word)
			if err != nil {
				return f, errClientID
			}
			f.ids = append(f.ids, id)
		}
		return f, nil
	}
	return f, errSyntax
}

// parseClientType knows the types that Valkey's clients can have.
func parseClientType(word []byte) (string, error) {
	switch {
	case is(word, "NORMAL"):
		return "normal", nil
	case is(word, "PUBSUB"):
		return "pubsub", nil
	case is(word, "MASTER"), is(word, "PRIMARY"), is(word, "REPLICA"), is(word, "SLAVE"):
		return "replica", nil
	}
	return "", replyError(fmt.Sprintf("ERR Unknown client type '%s'", clip(word, 128)))
}

// parseClientKill reads the options of CLIENT KILL in its newer form, pairs of words.
func parseClientKill(args [][]byte) (f clientFilter, err error) {
	f.skipMe = true
	for words := args[2:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return f, errSyntax
		}
		if err := f.parseOption(words[0], words[1]); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *clientFilter) parseOption(option, value []byte) (err error) {
	switch {
	case is(option, "ID"):
		id, err := parseInteger(value)
		if err != nil || id < 1 {
			return errKillID
		}
		f.ids = append(f.ids, id)
	case is(option, "TYPE"):
		f.kind, err = parseClientType(value)
	case is(option, "USER"):
		if f.byUser = true; string(value) != defaultUser {
			return replyError(fmt.Sprintf("ERR No such user '%s'", clip(value, 128)))
		}
	case is(option, "ADDR"):
		f.addr = nonNil(value)
	case is(option, "LADDR"):
		f.laddr = nonNil(value)
	case is(option, "SKIPME") && (is(value, "YES") || is(value, "NO")):
		f.skipMe = is(value, "YES")
	case is(option, "MAXAGE"):
		seconds, err := parseInteger(value)
		if err != nil || seconds < 1 || seconds > 1<<33 {
			return errMaxAge
		}
		f.maxAge = time.Duration(seconds) * time.Second
	default:
		return errSyntax
	}
	return err
}

// CLIENT KILL addr | option value [option value ...]
func clientKill(s *Session, args [][]byte, out *wire.Reply) error {
	if len(args) == 3 { // the old form, which kills one and may kill itself
		if s.kill(clientFilter{addr: nonNil(args[2])}) == 0 {
			return errNoClient
		}
		*out = wire.OK
		return nil
	}
	f, err := parseClientKill(args)
	if err != nil {
		return err
	}
	*out = wire.Integer(int64(s.kill(f)))
	return nil
}

func checkClientKill(args [][]byte) error {
	if len(args) == 3 {
		return nil
	}
	_, err := parseClientKill(args)
	return err
}

func checkClientList(args [][]byte) error {
	_, err := parseClientList(args)
	return err
}

// kill disconnects the clients of the filter and returns their number.
func (s *Session) kill(f clientFilter) int {
	var killed []*Session
	s.in.mu.Lock()
	for _, client := range s.in.clients() {
		if f.matches(s, client) && (client == s || client.opt.Kill != nil) {
			killed = append(killed, client)
		}
	}
	s.in.mu.Unlock() // before Kill, which may wait for what a session is doing
	for _, client := range killed {
		if client == s {
			s.quit = true // when the reply has been sent
		} else {
			client.opt.Kill()
		}
	}
	return len(killed)
}
