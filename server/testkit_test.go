package server

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// patience is how long a test waits for what must happen, as a safety net.
const patience = 20 * time.Second

// testServer is a server in the process of the test.
type testServer struct {
	*Server
	t     testing.TB
	addr  string // of its TCP listener
	ended chan error
	fails bool // it is to end with an error
}

// start starts a server on a database in memory, unless change says otherwise. It is
// stopped at the end of the test, which fails if descriptors or goroutines are left.
func start(t testing.TB, change func(*Config)) *testServer {
	t.Helper()
	cfg := Config{DB: engine.Memory, TCP: true, Bind: []string{"127.0.0.1"}}
	if change != nil {
		change(&cfg)
	}
	server, err := newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.log = slog.New(slog.NewTextHandler(testLog{t}, nil))
	if _, fuzzing := t.(*testing.F); fuzzing { // which must not log within its targets
		server.log = slog.New(slog.DiscardHandler)
	}
	s := &testServer{Server: server, t: t, ended: make(chan error, 1)}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	s.opened.Store(true)
	if err := s.listen(); err != nil {
		t.Fatal(s.serve(err))
	}
	for _, in := range s.loop.listeners {
		if !in.unix {
			s.addr = in.address
		}
	}
	go func() { s.ended <- s.serve(nil) }()
	t.Cleanup(func() {
		if err := s.end(); err != nil && !s.fails {
			t.Errorf("the server ended with %v", err)
		}
	})
	return s
}

// end stops the server, if it still runs, and returns what it ended with.
func (s *testServer) end() error {
	s.stop()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(patience):
		s.t.Fatal("the server does not end")
	}
	return nil
}

// awaitClients waits until the server has so many connections.
func (s *testServer) awaitClients(n int) {
	s.t.Helper()
	session := s.instance.NewSession(command.Options{Local: true})
	defer session.Close()
	want := fmt.Sprintf("connected_clients:%d\r\n", n)
	deadline := time.Now().Add(patience)
	for {
		info := session.Do([][]byte{[]byte("INFO"), []byte("clients")})
		if strings.Contains(string(info.Str), want) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("want %q, got %s", want, info.Str)
		}
		runtime.Gosched()
	}
}

// testLog writes the server's log to that of the test.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// client is a raw connection.
type client struct {
	net.Conn
	t testing.TB
}

// dial connects to the server.
func (s *testServer) dial() *client {
	s.t.Helper()
	return dial(s.t, "tcp", s.addr)
}

func dial(t testing.TB, network, addr string) *client {
	t.Helper()
	return dialWith(t, &net.Dialer{}, network, addr)
}

func dialWith(t testing.TB, d *net.Dialer, network, addr string) *client {
	t.Helper()
	conn, err := d.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, t}
}

// exchange sends bytes and compares what comes back.
func (c *client) exchange(in, out string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, in); err != nil {
		c.t.Fatal(err)
	}
	return c.want(out)
}

// want reads as many bytes as text has, and compares them.
func (c *client) want(text string) *client {
	c.t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(c, got)
	if err != nil || string(got) != text {
		c.t.Fatalf("got %q, %v, want %q", got[:n], err, text)
	}
	return c
}

// wantEnd reads what is left, which must be text, until the server closes.
func (c *client) wantEnd(text string) {
	c.t.Helper()
	got, err := io.ReadAll(c)
	if err != nil && !os.IsTimeout(err) { // a reset ends a connection, too
		err = nil
	}
	if err != nil || string(got) != text {
		c.t.Fatalf("got %q, %v, want %q and the end", got, err, text)
	}
}
