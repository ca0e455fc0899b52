package server

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FuzzConnection gives any bytes to a connection, in two pieces. Whatever they are, what comes back
// is lines of text or RESP, the connection ends when the client has nothing more to say, and
// others are served.
func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		"SET a 1\nGET a\r\n*1\r\n$4\r\nPING\r\n", "HELLO 3\r\nSUBSCRIBE a\r\nPUBLISH a b\r\nRESET\r\n", "MULTI\nSET a 1\nEXEC\nFSYNC\n",
		"*3\r\n$3\r\nSET\r\n$99999999999\r\n", "*1000000\r\n$3\r\nGET", "GET \"a\nPING\n", "POST / HTTP/1.1\r\n", "MONITOR\nSET a 1\nCLIENT REPLY SKIP\nGET a\nQUIT\nGET a\n",
		"\x00\xff\n*\r\n", "NUBDB 1\nNUBDB ATOMIC\n",
	} {
		f.Add([]byte(seed), 3)
	}
	s := start(f, nil)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		if avoid(in) {
			return
		}
		c := s.pair(t)
		cut = max(0, min(cut, len(in)))
		go func() {
			c.Write(in[:cut])
			c.Write(in[cut:])
			c.CloseWrite()
		}()
		out, err := io.ReadAll(c)
		if os.IsTimeout(err) {
			t.Errorf("the connection does not end after %q", out)
		}
		if len(out) > 0 && !bytes.ContainsRune([]byte("+-:$*%~_#,(=>"), rune(out[0])) {
			t.Errorf("the answer is %q", out)
		}
		other := s.pair(t)
		other.Write([]byte("*1\r\n$4\r\nPING\r\n"))
		var pong [7]byte
		if _, err := io.ReadFull(other, pong[:]); err != nil || string(pong[:]) != "+PONG\r\n" {
			t.Errorf("another client got %q, %v", pong, err)
		}
	})
}

// avoid tells whether an input may hold a command that ends the server, or keeps all clients or
// this one waiting for long.
func avoid(in []byte) bool {
	upper := bytes.ToUpper(in)
	for _, name := range []string{"SHUTDOWN", "PAUSE", "SLEEP", "CONFIG", "KILL", "BACKUP"} {
		if bytes.Contains(upper, []byte(name)) {
			return true
		}
	}
	return false
}

// pair connects to the server without a network.
func (s *testServer) pair(t testing.TB) *net.UnixConn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(fds[0], true)
	file := os.NewFile(uintptr(fds[1]), "pair")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	s.loop.bring(arrival{fds[0], &listener{address: "pair", unix: true}, "pair:0"})
	return conn.(*net.UnixConn)
}
