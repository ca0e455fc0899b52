package server

import (
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// forwardVersion is that of the protocol of the socket in the database's directory, over
// which other processes run their commands here while this one has the database:
//
//	NUBDB 1 [READONLY] [SYNC always|everysec|end|no] [OWNER text] [STREAM]   first; answers OK
//	commands, as over any connection, in RESP3
//	NUBDB ATOMIC, commands (each answers QUEUED), NUBDB COMMIT        all or nothing
//
// NUBDB COMMIT answers the number of replies that follow, then those, the last of them an
// error if a command failed, then OK or why nothing was done. A server that leaves sends
// the push (leave, N) when it has answered N requests after the first, and closes. Only
// with STREAM are there messages of SUBSCRIBE and MONITOR; otherwise those are errors.
const forwardVersion = "1"

// forward is what a connection over that socket keeps.
type forward struct {
	greeted    bool
	owner      string
	stream     bool   // the client takes messages
	noSync     bool   // the client does not want an atomic run to be on stable storage
	answered   int64  // requests after the greeting
	atomic     bool   // between NUBDB ATOMIC and NUBDB COMMIT
	committing bool   // NUBDB COMMIT is being run
	queue      []byte // the commands since then, as RESP requests
}

// admit deals with what belongs to the protocol itself, and returns true if a command is
// to be run as from any client.
func (f *forward) admit(c *conn, cmd *wire.Command) bool {
	switch {
	case strings.EqualFold(string(cmd.Args[0]), "NUBDB"):
		f.control(c, cmd.Args[1:])
		return false
	case !f.greeted:
		f.refuse(c, "the first command must be NUBDB")
		return false
	case f.atomic:
		f.queue = wire.AppendRequest(f.queue, cmd.Args)
		c.reply(&wire.Queued)
		return false
	}
	return true
}

// control runs NUBDB.
func (f *forward) control(c *conn, args [][]byte) {
	word := ""
	if len(args) > 0 {
		word = strings.ToUpper(string(args[0]))
	}
	switch {
	case !f.greeted:
		f.greet(c, args)
	case word == "ATOMIC" && len(args) == 1:
		f.atomic, f.queue = true, nil
		c.reply(&wire.OK)
	case word == "COMMIT" && len(args) == 1 && f.atomic:
		queue := f.queue
		f.atomic, f.queue, f.committing = false, nil, true
		c.runBeside(func() { f.commit(c, queue) })
	default:
		reply := wire.Error("ERR syntax error")
		c.reply(&reply)
	}
}

// greet runs the first command of a connection.
func (f *forward) greet(c *conn, args [][]byte) {
	if len(args) == 0 || string(args[0]) != forwardVersion {
		f.refuse(c, "this server speaks version "+forwardVersion)
		return
	}
	readOnly := c.loop.server.cfg.Engine.ReadOnly
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch word := strings.ToUpper(string(args[0])); {
		case word == "READONLY":
			readOnly = true
			continue
		case word == "STREAM":
			f.stream = true
			continue
		case len(args) == 1:
			f.refuse(c, word+" needs a value")
			return
		case word == "SYNC":
			c.syncAlways = strings.EqualFold(string(args[1]), "always")
			f.noSync = strings.EqualFold(string(args[1]), "no")
		case word == "OWNER":
			f.owner = string(args[1])
		}
		args = args[1:]
	}
	c.startSession(readOnly)
	f.greeted = true
	c.loop.out = c.form.append(c.loop.out, &wire.OK)
}

// refuse ends a connection that does not speak this version of the protocol.
func (f *forward) refuse(c *conn, why string) {
	reply := wire.Error("NUBDBPROTO " + why)
	c.loop.out = c.form.append(c.loop.out, &reply)
	c.closing = true
}

// commit runs the queue as one transaction, until a command fails. It runs beside the loop.
func (f *forward) commit(c *conn, queue []byte) {
	replies, n, err := runAtomic(c.session, queue)
	if err == nil && !f.noSync {
		err = c.loop.server.db.Sync()
	}
	last := wire.OK
	if err != nil {
		last = wire.Error("ERR " + err.Error())
	}
	count := wire.Integer(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushed = wire.AppendRESP3(c.pushed, &count)
	c.pushed = append(c.pushed, replies...)
	c.pushed = wire.AppendRESP3(c.pushed, &last)
}

// errRolledBack is returned when a command of an atomic run has failed.
var errRolledBack = fmt.Errorf("rolled back: nothing was changed")

// runAtomic returns the replies as RESP3 and their number.
func runAtomic(s *command.Session, queue []byte) (replies []byte, n int64, err error) {
	if err := s.BeginAtomic(); err != nil {
		return nil, 0, err
	}
	request := wire.NewRequest(wire.DefaultLimits())
	for len(queue) > 0 {
		args, size, err := request.Parse(queue)
		if err != nil {
			s.Rollback()
			return replies, n, err
		}
		queue = queue[size:]
		reply := s.Do(args)
		if s.Quit() {
			break
		}
		replies = wire.AppendRESP3(replies, &reply)
		n++
		if failed(&reply) {
			s.Rollback()
			return replies, n, errRolledBack
		}
	}
	return replies, n, s.Commit()
}

// failed tells whether a reply is an error, or that of an EXEC with one in it.
func failed(r *wire.Reply) bool {
	for i := range r.Elems {
		if r.Elems[i].IsError() {
			return true
		}
	}
	return r.IsError()
}

// leave tells the client how many of its requests were answered.
func (f *forward) leave(c *conn) {
	push := wire.Reply{Kind: wire.KindPush, Elems: []wire.Reply{wire.BulkString("leave"), wire.Integer(f.answered)}}
	c.out = wire.AppendRESP3(c.out, &push)
}
