package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/command/redistest"
)

// stream is random commands of several clients to both servers.
type stream struct {
	*pair
	*redistest.Generator
	clients []*streamClient
	both    []*redistest.Command // what both servers have
	sent    map[string]bool      // which of them were sent
	worked  map[string]bool      // which of them were answered without an error
	paused  bool                 // by CLIENT PAUSE WRITE
	history []string             // the last commands
}

// TestValkeyStream sends random commands of all that both have, of several connections,
// to a server of ours and to a real one, and compares all bytes that each connection gets, in
// the order in which it gets them; where they cannot be equal it compares what can be (see
// similar). NUBDB_STREAM is the number of commands, NUBDB_SEED repeats a run.
func TestValkeyStream(t *testing.T) {
	s := newStream(t)
	n := redistest.Length(t, 20_000)
	for range n {
		s.step()
	}
	const enough, plenty = 20_000, 100_000 // for all to be sent, and to have worked by then
	for _, c := range s.both {
		if n >= enough && !s.sent[c.Name] {
			t.Errorf("%s was never sent", c.Name)
		}
		if n >= plenty && !s.worked[c.Name] && canWork(c) {
			t.Errorf("%s was never answered without an error", c.Name)
		}
	}
}

// canWork tells whether a command answers something else than errors.
func canWork(c *redistest.Command) bool {
	spec := command.Find(redistest.Bytes(c.Words()))
	return !slices.Contains(onlyErrors, c.Name) && (len(spec.Sub) == 0 || c.Name == "command")
}

// onlyErrors are commands that answer nothing else, as they are sent, beside those that want a subcommand.
var onlyErrors = []string{"config|rewrite", "shutdown"}

func newStream(t *testing.T) *stream {
	p := newPair(t, "--databases", "1", "--enable-debug-command", "yes", "--hz", "500", "--rdbcompression", "no")
	g, _ := redistest.NewGenerator(t, p.sockets[theirs])
	s := &stream{pair: p, Generator: g, sent: map[string]bool{}, worked: map[string]bool{}}
	for _, c := range g.Commands {
		if command.Find(redistest.Bytes(c.Words())) != nil {
			s.both = append(s.both, c)
		}
	}
	for range 4 {
		s.clients = append(s.clients, &streamClient{})
	}
	for _, c := range s.clients {
		s.connect(c)
	}
	t.Cleanup(func() {
		for _, c := range s.clients {
			c.close()
		}
		if t.Failed() {
			t.Logf("the last commands:\n%s", strings.Join(s.history, "\n"))
		}
	})
	return s
}

func (c *streamClient) close() {
	for _, p := range c.peers {
		if p != nil {
			p.conn.Close()
		}
	}
}

// connect connects a client anew, and asks for its numbers, which it may not be allowed to.
func (s *stream) connect(c *streamClient) {
	s.t.Helper()
	c.close()
	*c = streamClient{}
	for side := range c.peers {
		p := newPeer(s.t, s.sockets[side])
		p.send([]string{"CLIENT", "ID"})
		p.await(s.t, true)
		if p.id = "0"; p.in[0] == ':' {
			p.id = string(bytes.TrimSpace(p.in[1:]))
		}
		p.in = nil
		c.peers[side] = p
	}
	s.settle()
}

// step has one client send one command, and compares what all get.
func (s *stream) step() {
	s.t.Helper()
	c, what, line := s.next()
	s.run(c, what, line)
	if what.Name == "client|pause" && c.mute == heard && s.Chance(0.5) {
		s.pause(c)
	}
}

// run has a client send a command, and compares what all get.
func (s *stream) run(c *streamClient, what *redistest.Command, line []string) {
	s.t.Helper()
	s.send(c, line)
	if c.mute == heard && what.Name != "client|reply" {
		for _, p := range c.peers {
			p.await(s.t, strings.HasSuffix(what.Name, "subscribe"))
		}
	}
	if strings.HasPrefix(what.Name, "bg") {
		s.awaitChildren()
	}
	s.sent[what.Name] = true
	s.compare(c, what.Name, line)
}

// awaitChildren waits until the real server has no process that saves.
func (s *stream) awaitChildren() {
	s.t.Helper()
	for {
		info := s.ask(theirs, "INFO", "persistence", marker)
		if !bytes.Contains(info, []byte("in_progress:1")) && !bytes.Contains(info, []byte("scheduled:1")) {
			return
		}
		for _, c := range s.clients { // or one that monitors does not take all this in time
			c.peers[theirs].drain(s.buf)
		}
	}
}

// send writes a command to both servers.
func (s *stream) send(c *streamClient, line []string) {
	s.history = append(s.history[max(0, len(s.history)-100):], fmt.Sprintf("client %d: %s", slices.Index(s.clients, c), redistest.Quote(redistest.Bytes(line))))
	for side, p := range c.peers {
		p.send(s.resolve(line, side))
	}
}

// resolve puts in what is different on the two sides: @id3 is the number of client 3, @addr
// the address that all have.
func (s *stream) resolve(line []string, side int) []string {
	words := slices.Clone(line)
	for i, word := range words {
		if number, ok := strings.CutPrefix(word, "@id"); ok {
			words[i] = s.clients[number[0]-'0'].peers[side].id
		}
		if word == "@addr" {
			words[i] = s.sockets[side] + ":0"
		}
	}
	return words
}

// pause has a client hold up those that write: one that does is answered when it ends.
func (s *stream) pause(c *streamClient) {
	s.t.Helper()
	if c.multi || s.watched(nil) {
		return
	}
	s.run(c, s.named("client|pause"), []string{"CLIENT", "PAUSE", "1000000", s.Pick("WRITE", "write")})
	s.paused = true
	for range s.IntN(10) {
		// In a pause ours runs each command beside its loop: when one is done that is not
		// answered nobody can tell.
		if c, what, line := s.next(); c.mute == heard && what.Name != "client|reply" {
			s.run(c, what, line)
		}
	}
	writer := s.clients[s.IntN(len(s.clients))]
	line := s.oneOf("APPEND a 1", "PUBLISH a 1")
	writes := writer.mute == heard && !writer.monitor
	if writes {
		s.send(writer, line)
		s.settle()
		for _, p := range writer.peers {
			p.drain(s.buf)
		}
		// Theirs answers an error at once; that of ours, run beside its loop, may yet come.
		if want := writer.peers[theirs].in; len(want) > 0 {
			writer.peers[ours].await(s.t, false)
		} else if got := writer.peers[ours].in; len(got) > 0 {
			s.t.Fatalf("in a pause: got %q, want nothing", got)
		}
	}
	for side := range s.control {
		s.ask(side, "CLIENT", "UNPAUSE")
	}
	s.paused = false
	if writes {
		for _, p := range writer.peers {
			p.await(s.t, false)
		}
		s.compare(writer, strings.ToLower(line[0]), line)
	}
}

func (s *stream) named(name string) *redistest.Command {
	i := slices.IndexFunc(s.Commands, func(c *redistest.Command) bool { return c.Name == name })
	return s.Commands[i]
}

// compare compares what all clients have got, of which one has sent a command.
func (s *stream) compare(sender *streamClient, name string, line []string) {
	s.t.Helper()
	s.settle()
	for number, c := range s.clients {
		for _, p := range c.peers {
			p.drain(s.buf)
		}
		got, want := c.peers[ours].replies(s.sockets[ours]), c.peers[theirs].replies(s.sockets[theirs])
		for i := range min(len(got), len(want)) {
			if !bytes.Equal(got[i], want[i]) && !(c == sender && s.similar(c, name, got[i], want[i])) {
				s.differ(number, got[i], want[i])
			}
		}
		if len(got) != len(want) || c.peers[ours].closed != c.peers[theirs].closed {
			s.differ(number, bytes.Join(got, nil), bytes.Join(want, nil))
		}
		if c == sender && c.learn(name, line, want) {
			s.worked[name] = true
		}
	}
	for _, c := range s.clients {
		if c.peers[ours].closed && c.peers[theirs].closed {
			s.connect(c)
		}
	}
}

// differ ends the test and shows what a client has got, from a little before the difference.
func (s *stream) differ(client int, got, want []byte) {
	s.t.Helper()
	from := 0
	for from < min(len(got), len(want)) && got[from] == want[from] {
		from++
	}
	from = max(0, from-300)
	s.t.Fatalf("client %d:\n got %.2000q\nwant %.2000q", client, got[from:], want[from:])
}
