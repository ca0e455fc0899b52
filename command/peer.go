package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// Peer is a connection to the process that has the database, in which commands run then.
// Package remote implements it.
type Peer interface {
	// Send adds a request to those that the next Receive sends.
	Send(args [][]byte)
	// Receive returns the next reply, which is valid until the next call. Errors: ErrLeft;
	// after any other one nobody knows what became of the requests without a reply.
	Receive() (*wire.Reply, error)
	// Interrupt makes Receive return soon, from any goroutine, until ClearInterrupt.
	Interrupt()
	ClearInterrupt()
	Close()
}

// PeerOptions are what a connection is to be like.
type PeerOptions struct {
	Dir      string // of the database
	ReadOnly bool
	Sync     SyncPolicy
	Owner    string        // as in engine.Options
	Wait     time.Duration // for the first answer
	Messages bool          // Receive returns messages, too, for any number of which one request may be the reason, and is interrupted at once
}

// Errors of a Peer.
var (
	// ErrLeft is returned by Receive when the other process has gone and has run none of
	// the requests that it has not answered.
	ErrLeft = errors.New("the server has left")
	// ErrInterrupted is returned by Receive after Interrupt.
	ErrInterrupted = errors.New("interrupted")
)

// ErrRolledBack is returned by Database.Commit when a command of the atomic run has failed,
// so that nothing was changed.
var ErrRolledBack = errors.New("rolled back: nothing was changed")

// UnknownOutcome is the error when the process that has the database has died, or was not
// waited for any longer, between commands and their replies.
type UnknownOutcome struct {
	First, Last int // the lines of the commands in question
	Cause       error
}

func (e *UnknownOutcome) Error() string {
	return fmt.Sprintf("outcome unknown: no answer from the server that has the database: %v", e.Cause)
}

func (e *UnknownOutcome) Unwrap() error { return e.Cause }

// request is a command that was sent to a Peer.
type request struct {
	spec    *Spec
	command wire.Command
	instead wire.Reply // is given in the place of the reply, unless it is KindNone
}

// requests is a queue of commands, with copies of their words.
type requests struct {
	list  []request
	words [][]byte
	bytes arena
}

func (q *requests) add(spec *Spec, c *wire.Command) *request {
	from := len(q.words)
	for _, word := range c.Args {
		q.words = append(q.words, q.bytes.copy(word))
	}
	r := request{spec: spec, command: *c}
	r.command.Args = q.words[from:len(q.words):len(q.words)]
	q.list = append(q.list, r)
	return &q.list[len(q.list)-1]
}

// reset empties the queue and keeps its memory for the next commands.
func (q *requests) reset() {
	q.list, q.words = q.list[:0], q.words[:0]
	q.bytes.reset()
}
