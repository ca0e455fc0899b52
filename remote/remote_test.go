package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// listen serves the first connection to the socket in a new directory with serve, after the
// greeting, which is returned by greeted.
func listen(t *testing.T, dir string, serve func(c net.Conn, requests *wire.Reader)) (greeted func() string) {
	t.Helper()
	short, done, err := ShortPath(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	l, err := net.Listen("unix", short)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	greeting, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		requests := wire.NewReader(c, wire.SocketGrammar)
		cmd, err := requests.Next()
		if err != nil {
			return
		}
		greeting <- fmt.Sprintf("%q", cmd.Args)
		io.WriteString(c, "+OK\r\n")
		serve(c, requests)
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return func() string { return <-greeting }
}

func connected(t *testing.T, dir string, o command.PeerOptions) command.Peer {
	t.Helper()
	o.Dir, o.Wait = dir, time.Minute
	peer := Connect(o)
	if peer == nil {
		t.Fatal("not connected")
	}
	t.Cleanup(peer.Close)
	return peer
}

func words(text string) (args [][]byte) {
	for _, word := range strings.Fields(text) {
		args = append(args, []byte(word))
	}
	return args
}

// echo answers each request with its first word, so many times.
func echo(times int) func(net.Conn, *wire.Reader) {
	return func(c net.Conn, requests *wire.Reader) {
		for range times {
			cmd, err := requests.Next()
			if err != nil {
				return
			}
			r := wire.Bulk(cmd.Args[0])
			c.Write(wire.AppendRESP3(nil, &r))
		}
	}
}

func TestGreeting(t *testing.T) {
	for want, o := range map[string]command.PeerOptions{
		`["NUBDB" "1" "SYNC" "end"]`:                       {},
		`["NUBDB" "1" "READONLY" "SYNC" "always"]`:         {ReadOnly: true, Sync: command.SyncAlways},
		`["NUBDB" "1" "SYNC" "no" "OWNER" "nubdb -f a b"]`: {Sync: command.SyncNo, Owner: "nubdb -f a b"},
	} {
		dir := t.TempDir()
		greeted := listen(t, dir, echo(0))
		connected(t, dir, o)
		if got := greeted(); got != want {
			t.Errorf("greets with %s, want %s", got, want)
		}
	}
}

// Replies come in the order of the requests, and it is known what happened to each when the
// server has gone.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name    string
		goodbye string
		sent    int
		want    error
	}{
		{"leaves", ">2\r\n$5\r\nleave\r\n:2\r\n", 4, command.ErrLeft},
		{"leaves with nothing to do", ">2\r\n$5\r\nleave\r\n:2\r\n", 2, command.ErrLeft},
		{"dies", "", 4, io.ErrUnexpectedEOF},
		{"dies in the middle of a reply", "$5\r\nle", 4, io.ErrUnexpectedEOF},
		{"talks nonsense", "HTTP/1.1 400\r\n", 4, wire.ErrReply},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			listen(t, dir, func(c net.Conn, requests *wire.Reader) {
				echo(2)(c, requests)
				io.WriteString(c, test.goodbye)
			})
			peer := connected(t, dir, command.PeerOptions{})
			for i := range test.sent {
				peer.Send(words(fmt.Sprint("request", i)))
			}
			for i := range 2 {
				r, err := peer.Receive()
				if err != nil || string(r.Str) != fmt.Sprint("request", i) {
					t.Fatalf("reply %d: %+v, %v", i, r, err)
				}
			}
			if test.sent == 2 {
				peer.Send(words("late"))
			}
			if _, err := peer.Receive(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// Of a server that had died before anything was sent it is known that it ran nothing.
func TestNothingSent(t *testing.T) {
	dir := t.TempDir()
	gone := make(chan struct{})
	listen(t, dir, func(c net.Conn, _ *wire.Reader) { c.Close(); close(gone) })
	peer := connected(t, dir, command.PeerOptions{})
	<-gone
	peer.Send(words("INCR n"))
	if _, err := peer.Receive(); err != command.ErrLeft {
		t.Errorf("got %v, want %v", err, command.ErrLeft)
	}
}

// More is sent than the server takes before its replies are taken, and more replied.
func TestFullPipes(t *testing.T) {
	const requests, size = 2000, 10_000
	dir := t.TempDir()
	long := strings.Repeat("x", size)
	listen(t, dir, echo(requests))
	peer := connected(t, dir, command.PeerOptions{})
	for range requests {
		peer.Send([][]byte{[]byte(long)})
	}
	for i := range requests {
		r, err := peer.Receive()
		if err != nil || string(r.Str) != long {
			t.Fatalf("reply %d: %v", i, err)
		}
	}
}

// A server that does not answer is not waited for after an interrupt, one that does is.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listen(t, dir, func(c net.Conn, requests *wire.Reader) {
		echo(1)(c, requests)
		io.Copy(io.Discard, c) // until the client has gone
	})
	peer := connected(t, dir, command.PeerOptions{})
	peer.Interrupt()
	peer.Send(words("answered"))
	if _, err := peer.Receive(); err != nil {
		t.Fatalf("a short command: %v", err)
	}
	peer.Send(words("long"))
	if _, err := peer.Receive(); err != command.ErrInterrupted {
		t.Errorf("a long command: %v, want %v", err, command.ErrInterrupted)
	}
}

// Nobody is connected to who is not there, does not speak the protocol, or does not answer.
func TestNobody(t *testing.T) {
	dir := t.TempDir()
	o := command.PeerOptions{Dir: dir, Wait: time.Millisecond}
	if Connect(o) != nil {
		t.Error("connected to nobody")
	}
	path := filepath.Join(dir, SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if Connect(o) != nil {
		t.Error("connected to who does not answer")
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "-NUBDBPROTO this server speaks version 2\r\n")
			c.Close()
		}
	}()
	o.Wait = time.Minute
	if Connect(o) != nil {
		t.Error("connected to another version")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if Connect(o) != nil {
		t.Error("connected to a socket that was left behind")
	}
}

// Directories may have longer names than the address of a socket has room for.
func TestLongPath(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		dir = filepath.Join(dir, strings.Repeat("d", 50))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	listen(t, dir, echo(1))
	peer := connected(t, dir, command.PeerOptions{})
	peer.Send(words("hello"))
	if r, err := peer.Receive(); err != nil || string(r.Str) != "hello" {
		t.Errorf("got %+v, %v", r, err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}
