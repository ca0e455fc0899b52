package server

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/remote"
)

// startLocal starts a server on a database in a directory, and no TCP.
func startLocal(t *testing.T, dir string, change func(*Config)) *testServer {
	t.Helper()
	return start(t, func(c *Config) {
		c.DB, c.TCP = dir, false
		if change != nil {
			change(c)
		}
	})
}

// other connects as another process that wants to use the database of the server.
func (s *testServer) other() *client {
	s.t.Helper()
	path, done, err := remote.ShortPath(filepath.Join(s.cfg.DB, remote.SocketName))
	if err != nil {
		s.t.Fatal(err)
	}
	defer done()
	return dial(s.t, "unix", path)
}

func TestForward(t *testing.T) {
	s := startLocal(t, t.TempDir()+"/db", nil)
	for _, test := range []struct {
		name, in, out string
		end           bool
	}{
		{"commands in RESP3", "NUBDB 1\r\nSET a 1\r\nGET none\r\nGET a\r\n", "+OK\r\n+OK\r\n_\r\n$1\r\n1\r\n", false},
		{"all that the greeting may say", "NUBDB 1 SYNC always OWNER \"nubdb SET k\" READONLY\r\nSET b 1\r\nGET b\r\n",
			"+OK\r\n-READONLY You can't write against a database that is opened read-only.\r\n_\r\n", false},
		{"another version", "NUBDB 2\r\nSET a 2\r\n", "-NUBDBPROTO this server speaks version 1\r\n", true},
		{"no greeting", "SET a 2\r\n", "-NUBDBPROTO the first command must be NUBDB\r\n", true},
		{"an atomic run", "NUBDB 1\r\nNUBDB ATOMIC\r\nSET c 1\r\nINCR c\r\nNUBDB COMMIT\r\nGET c\r\n",
			"+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n:2\r\n+OK\r\n:2\r\n+OK\r\n$1\r\n2\r\n", false},
		{"an atomic run that fails", "NUBDB 1\r\nNUBDB ATOMIC\r\nSET d x\r\nINCR d\r\nSET d 2\r\nNUBDB COMMIT\r\nGET d\r\n",
			"+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n:2\r\n+OK\r\n-ERR value is not an integer or out of range\r\n-ERR rolled back: nothing was changed\r\n_\r\n", false},
		{"an atomic run without end", "NUBDB 1\r\nNUBDB ATOMIC\r\nSET e 1\r\n", "+OK\r\n+OK\r\n+QUEUED\r\n", false},
		{"after it", "NUBDB 1\r\nGET e\r\n", "+OK\r\n_\r\n", false},
		{"no run to commit", "NUBDB 1\r\nNUBDB COMMIT\r\n", "+OK\r\n-ERR syntax error\r\n", false},
		{"with what takes long in it", "NUBDB 1\r\nSLEEP 0.01\r\nSET f 1\r\nFSYNC\r\nGET f\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n$1\r\n1\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.other()
			c.t = t
			c.exchange(test.in, test.out)
			if test.end {
				c.wantEnd("")
			}
			c.Close()
		})
	}
}

// A server that leaves says how many requests it has answered. What it interrupts is
// not among them.
func TestLeave(t *testing.T) {
	s := startLocal(t, t.TempDir()+"/db", nil)
	idle := s.other().exchange("NUBDB 1\r\nSET a 1\r\nGET a\r\n", "+OK\r\n+OK\r\n$1\r\n1\r\n")
	busy := s.other().exchange("NUBDB 1\r\nSET b 1\r\nSLEEP 1000\r\nSET b 2\r\n", "+OK\r\n+OK\r\n")
	queue := s.other().exchange("NUBDB 1\r\nNUBDB ATOMIC\r\nSET c 1\r\n", "+OK\r\n+OK\r\n+QUEUED\r\n")
	stranger := s.other()
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	idle.wantEnd(">2\r\n$5\r\nleave\r\n:2\r\n")
	busy.wantEnd(">2\r\n$5\r\nleave\r\n:1\r\n")
	queue.wantEnd(">2\r\n$5\r\nleave\r\n:2\r\n")
	stranger.wantEnd("")
	if _, err := os.Lstat(filepath.Join(s.cfg.DB, remote.SocketName)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if got := value(t, s.cfg.DB, "b"); got != "1" {
		t.Errorf("b is %q, want 1", got)
	}
	if got := value(t, s.cfg.DB, "c"); got != "" {
		t.Errorf("c is %q, want nothing", got)
	}
}

// value is what a key of a database holds that nobody has open, "" if it is not there.
func value(t *testing.T, dir, key string) string {
	t.Helper()
	db, err := engine.Open(dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := command.NewInstance(db, command.Settings{}).NewSession(command.Options{})
	reply := s.Do([][]byte{[]byte("GET"), []byte(key)})
	return string(reply.Str)
}

// A client that closes its connection interrupts what it is waiting for.
func TestClientLeaves(t *testing.T) {
	s := startLocal(t, t.TempDir()+"/db", nil)
	c := s.other().exchange("NUBDB 1\r\nPING\r\nSLEEP 1000\r\n", "+OK\r\n+PONG\r\n")
	c.Close()
	s.awaitClients(0)
}

// The socket is for the user alone, a stale one is no obstacle, and neither is a path
// that is longer than the address of a socket.
func TestLocalSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dir += "/db"
	first := startLocal(t, dir, nil)
	first.end()
	short, done, err := remote.ShortPath(filepath.Join(dir, remote.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	s := startLocal(t, dir, nil)
	s.other().exchange("NUBDB 1\r\nPING\r\n", "+OK\r\n+PONG\r\n")
	info, err := os.Lstat(filepath.Join(dir, remote.SocketName))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v: others may connect", info.Mode(), err)
	}
}
