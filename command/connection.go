package command

import (
	"crypto/subtle"
	"fmt"

	"github.com/nubdb/nubdb/wire"
)

// Version is that of NubDB in a build that is not made from a tagged module.
const Version = "0.1.0-dev"

// What HELLO and INFO say about the server, so that clients find what they look for.
const (
	serverName    = "valkey"
	valkeyVersion = "8.1.0" // whose semantics the commands have
	redisVersion  = "7.2.4" // which Valkey itself reports for clients that ask for Redis
)

// defaultUser is the only user there is.
const defaultUser = "default"

var pong = wire.Reply{Kind: wire.KindStatus, Str: []byte("PONG")}

// PING [message]. A RESP2 client that has subscriptions expects what looks like a
// message.
func ping(s *Session, args [][]byte, out *wire.Reply) error {
	if err := atMostOne(args); err != nil {
		return err
	}
	if s.subscriptions.Load() > 0 && s.Protocol() == 2 {
		message := wire.BulkString("")
		if len(args) == 2 {
			message = wire.Bulk(args[1])
		}
		*out = wire.Array(wire.BulkString("pong"), message)
		return nil
	}
	if len(args) == 2 {
		*out = wire.Bulk(args[1])
		return nil
	}
	*out = pong
	return nil
}

// ECHO message
func echo(_ *Session, args [][]byte, out *wire.Reply) error {
	*out = wire.Bulk(args[1])
	return nil
}

// SELECT index
func selectDatabase(_ *Session, args [][]byte, out *wire.Reply) error {
	*out = wire.OK
	return checkSelect(args)
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
func quit(s *Session, _ [][]byte, out *wire.Reply) error {
	s.quit = true
	*out = wire.OK
	return nil
}

// RESET makes the session what it was when it began.
func reset(s *Session, _ [][]byte, out *wire.Reply) error {
	s.multi.reset()
	s.watched.reset()
	if s.mute.Load() == muted { // CLIENT REPLY SKIP is about RESET, too
		s.unmute()
	}
	s.protocol.Store(2)
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.leaveAll()
	s.stopMonitor()
	s.peer.name, s.peer.noEvict, s.peer.noTouch = "", false, false
	s.mustAuth = !s.opt.Local && s.in.config.requirePass != ""
	*out = wire.Status("RESET")
	return nil
}

// AUTH [username] password
func auth(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkAuth(args); err != nil {
		return err
	}
	user := []byte(defaultUser)
	if len(args) == 3 {
		user = args[1]
	} else if !s.in.RequiresPassword() {
		return errNoPassword
	}
	*out = wire.OK
	return s.login(user, args[len(args)-1])
}

func checkAuth(args [][]byte) error {
	if len(args) > 3 {
		return errSyntax
	}
	return nil
}

// login compares in a time that does not depend on the password. Without a
// password to compare with any will do, as in Valkey.
func (s *Session) login(user, password []byte) error {
	wanted := s.in.current().requirePass
	right := wanted == "" || subtle.ConstantTimeCompare(password, []byte(wanted)) == 1
	if string(user) != defaultUser || !right {
		return errWrongPass
	}
	s.mustAuth = false
	return nil
}

// hello is what HELLO asks for.
type helloOptions struct {
	version        int32 // of the protocol; 0: as it is
	user, password []byte
	login          bool
	name           []byte // nil: none
}

// HELLO [protover [AUTH username password] [SETNAME clientname]]
func hello(s *Session, args [][]byte, out *wire.Reply) error {
	o, err := parseHello(args)
	if err != nil {
		return err
	}
	if o.login {
		if err := s.login(o.user, o.password); err != nil {
			return err
		}
	}
	if s.mustAuth {
		return errHelloNoAuth
	}
	if o.name != nil {
		s.in.mu.Lock()
		s.peer.name = string(o.name)
		s.in.mu.Unlock()
	}
	if o.version != 0 {
		s.protocol.Store(o.version)
	}
	*out = wire.Reply{Kind: wire.KindMap, Elems: []wire.Reply{
		wire.BulkString("server"), wire.BulkString(serverName),
		wire.BulkString("version"), wire.BulkString(valkeyVersion),
		wire.BulkString("proto"), wire.Integer(int64(s.Protocol())),
		wire.BulkString("id"), wire.Integer(s.id),
		wire.BulkString("mode"), wire.BulkString("standalone"),
		wire.BulkString("role"), wire.BulkString("master"),
		wire.BulkString("modules"), wire.Array(),
	}}
	return nil
}

func parseHello(args [][]byte) (o helloOptions, err error) {
	if len(args) == 1 {
		return o, nil
	}
	version, err := parseInteger(args[1])
	switch {
	case err != nil:
		return o, errProtocolNumber
	case version != 2 && version != 3:
		return o, errProtocol
	}
	o.version = int32(version)
	for i := 2; i < len(args); {
		switch more := len(args) - 1 - i; {
		case is(args[i], "AUTH") && more >= 2:
			o.login, o.user, o.password = true, args[i+1], args[i+2]
			i += 3
		case is(args[i], "SETNAME") && more >= 1:
			if o.name = nonNil(args[i+1]); !isPrintable(o.name) {
				return o, errClientName
			}
			i += 2
		default:
			return o, replyError(fmt.Sprintf("ERR Syntax error in HELLO option '%s'", clip(args[i], 128)))
		}
	}
	return o, nil
}

func checkHello(args [][]byte) error {
	_, err := parseHello(args)
	return err
}

// secretsOfHello is Spec.secret of HELLO: what follows AUTH, wherever it stands.
func secretsOfHello(args [][]byte) int {
	for i, arg := range args {
		if i > 0 && is(arg, "AUTH") {
			return i + 1
		}
	}
	return len(args)
}

// allSecret is Spec.secret of a command whose arguments are nothing but secrets.
func allSecret([][]byte) int { return 1 }
