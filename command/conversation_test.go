package command

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// client is a session as a server has it: what goes to its client is collected.
type client struct {
	*Session
	out  []byte
	gone bool // by CLIENT KILL
}

// newClient begins a session of a client whose address is addr.
func newClient(in *Instance, addr string) *client {
	c := &client{}
	c.Session = in.NewSession(Options{
		Addr: addr, LocalAddr: "127.0.0.1:6379", FD: 8,
		Push: func(message *wire.Reply) { c.out = c.encode(c.out, message) },
		Kill: func() { c.gone = true },
	})
	return c
}

func (c *client) encode(dst []byte, r *wire.Reply) []byte {
	if c.Protocol() == 3 {
		return wire.AppendRESP3(dst, r)
	}
	return wire.AppendRESP2(dst, r)
}

// send runs a command and collects its reply.
func (c *client) send(args [][]byte) {
	reply := c.Do(args)
	if !c.Silent() {
		c.out = c.encode(c.out, &reply)
	}
}

// received is what the client has got since the last call.
func (c *client) received() string {
	got := string(c.out)
	c.out = nil
	return got
}

// server is an instance as a server has it.
func server(t testing.TB, o Settings) *Instance {
	o.Shutdown = func(bool) {}
	return NewInstance(open(t, engine.Options{}), o)
}

// TestConversation runs the commands of testdata/conversation here and on a real
// server, and compares the bytes that each of three clients gets, in the order in
// which it gets them. @2 and @3 before a command mean the other clients; ! before it
// that its reply is not compared. Each client begins anew in each file.
func TestConversation(t *testing.T) {
	files, err := filepath.Glob("testdata/conversation/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			o := startOracle(t, 3)
			in := server(t, Settings{})
			var clients []*client
			for i := range o.conns {
				clients = append(clients, newClient(in, fmt.Sprintf("127.0.0.1:%d", 1000+i)))
			}
			for _, c := range readScript(t, file) {
				converse(t, o, clients, c)
			}
			for i, c := range clients { // nothing more has come
				end := [][]byte{[]byte("PING"), []byte("end of client " + fmt.Sprint(i))}
				c.send(end)
				o.conns[i].Write(wire.AppendRequest(nil, end))
				o.conns[i].expect(t, c.received(), "the end")
			}
		})
	}
}

// converse has one command run on both sides, and compares what all clients get.
func converse(t *testing.T, o *oracle, clients []*client, c wire.Command) {
	t.Helper()
	number, ignored := 0, false
	for {
		switch word := string(c.Args[0]); {
		case word == "@2" || word == "@3":
			number = int(word[1] - '1')
		case word == "!":
			ignored = true
		default:
			clients[number].send(c.Args)
			o.conns[number].Write(wire.AppendRequest(nil, c.Args))
			if ignored {
				clients[number].received()
				o.conns[number].skip(t)
			}
			for i := range clients {
				o.conns[i].expect(t, clients[i].received(), fmt.Sprintf("line %d, client %d: %s", c.Line, i+1, redistest.Quote(c.Args)))
			}
			return
		}
		c.Args = c.Args[1:]
	}
}

// expect reads what the real server has sent and fails unless it is got.
func (c *oracleConn) expect(t *testing.T, got, where string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var want []byte
	for len(want) < len(got) && strings.HasPrefix(got, string(want)) {
		b, err := c.Replies.ReadByte()
		if err != nil {
			break
		}
		want = append(want, b)
	}
	if string(want) != got {
		rest, _ := c.Replies.Peek(c.Replies.Buffered())
		t.Fatalf("%s:\n got %q\nwant %q", where, got, string(want)+string(rest))
	}
}

// skip drops what the real server answers, up to the answer to a PING behind it.
func (c *oracleConn) skip(t *testing.T) {
	t.Helper()
	marker := []byte("marker-of-the-end")
	c.Write(wire.AppendRequest(nil, [][]byte{[]byte("PING"), marker}))
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		line, err := c.Replies.ReadSlice('\n')
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(line, marker) {
			return
		}
	}
}
