package command

import (
	"fmt"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// slowLog holds the newest commands that took long. Instance.mu guards it.
type slowLog struct {
	entries []slowCommand // oldest first
	nextID  int64
}

type slowCommand struct {
	id           int64
	at           time.Time
	took         time.Duration
	args         [][]byte // clipped, without secrets
	client, name string
}

// What an entry keeps of a command, as in Valkey.
const (
	slowArgs     = 32  // words
	slowArgBytes = 128 // of each
)

// add keeps a command and forgets the oldest ones beyond max.
func (l *slowLog) add(c slowCommand, max int) {
	c.id = l.nextID
	l.nextID++
	l.entries = append(l.entries, c)
	l.trim(max)
}

func (l *slowLog) trim(max int) {
	if over := len(l.entries) - max; over > 0 {
		l.entries = append(l.entries[:0], l.entries[over:]...)
	}
}

// slowWords are the words of a command as an entry shows them.
func slowWords(args [][]byte) [][]byte {
	shown := Visible(args)
	words := make([][]byte, 0, min(len(args), slowArgs))
	for i, arg := range args {
		switch {
		case i == slowArgs-1 && len(args) > slowArgs:
			return append(words, fmt.Appendf(nil, "... (%d more arguments)", len(args)-i))
		case i >= shown:
			words = append(words, redacted)
		case len(arg) > slowArgBytes:
			words = append(words, fmt.Appendf(nil, "%s... (%d more bytes)", arg[:slowArgBytes], len(arg)-slowArgBytes))
		default:
			words = append(words, append([]byte{}, arg...))
		}
	}
	return words
}

// SLOWLOG GET [count]
func slowLogGet(s *Session, args [][]byte, out *wire.Reply) error {
	count, err := parseSlowLogGet(args)
	if err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	entries := s.in.slow.entries
	var replies []wire.Reply
	for i := len(entries) - 1; i >= 0 && len(replies) < count; i-- {
		replies = append(replies, entries[i].reply())
	}
	*out = wire.Array(replies...)
	return nil
}

func (c *slowCommand) reply() wire.Reply {
	var words []wire.Reply
	for _, word := range c.args {
		words = append(words, wire.Bulk(word))
	}
	return wire.Array(wire.Integer(c.id), wire.Integer(c.at.Unix()), wire.Integer(c.took.Microseconds()), wire.Array(words...),
		wire.BulkString(c.client), wire.BulkString(c.name))
}

// parseSlowLogGet reads how many entries are wanted: 10 by default, -1 for all.
func parseSlowLogGet(args [][]byte) (int, error) {
	if len(args) > 3 {
		return 0, subcommandArity(args)
	}
	if len(args) == 2 {
		return 10, nil
	}
	n, err := parseInteger(args[2])
	if err != nil || n < -1 {
		return 0, errSlowLogCount
	}
	if n < 0 {
		n = maxSlowLog
	}
	return int(min(n, maxSlowLog)), nil
}

func checkSlowLogGet(args [][]byte) error {
	_, err := parseSlowLogGet(args)
	return err
}

// SLOWLOG LEN
func slowLogLen(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	*out = wire.Integer(int64(len(s.in.slow.entries)))
	return nil
}

// SLOWLOG RESET
func slowLogReset(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.slow.entries = nil
	*out = wire.OK
	return nil
}
