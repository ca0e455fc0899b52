package server

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Before a client has given the password it may send little, and nothing of it runs.
func TestGuests(t *testing.T) {
	s := start(t, func(c *Config) { c.Password = "secret" })
	long := strings.Repeat("x", guestArg+1)
	for _, test := range []struct {
		name, in, out string
		end           bool
	}{
		{"a command", "GET a\r\n", "-NOAUTH Authentication required.\r\n", false},
		{"eleven arguments", "*11\r\n$4\r\nMGET\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n", true},
		{"a long argument", fmt.Sprintf("*2\r\n$4\r\nPING\r\n$%d\r\n", len(long)), "-ERR Protocol error: unauthenticated bulk length\r\n", true},
		{"a long line", strings.Repeat("x ", guestCommand), "-ERR Protocol error: too big inline request\n", true},
		{"a wrong password", "AUTH wrong\r\nGET a\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH Authentication required.\r\n", false},
		{"at once behind the password", "AUTH secret\r\nSET a " + long + "\r\nMSET a 1 b 2 c 3 d 4 e 5 f 6\r\nSTRLEN a\r\n", "+OK\r\n+OK\r\n+OK\r\n:1\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.dial()
			c.t = t
			io.WriteString(c, test.in)
			if test.end {
				c.wantEnd(test.out)
			} else {
				c.want(test.out)
			}
		})
	}
}

// Listening where others can connect needs something that tells who they are.
func TestProtectedMode(t *testing.T) {
	for _, test := range []struct {
		cfg Config
		ok  bool
	}{
		{Config{}, true},
		{Config{Bind: []string{"127.0.0.1", "::1", "127.1.2.3"}}, true},
		{Config{Bind: []string{"0.0.0.0"}}, false},
		{Config{Bind: []string{"127.0.0.1", "::"}}, false},
		{Config{Bind: []string{"192.0.2.1"}}, false},
		{Config{Bind: []string{"0.0.0.0"}, Password: "secret"}, true},
		{Config{Bind: []string{"not an address"}}, false},
	} {
		if err := test.cfg.check(); (err == nil) != test.ok {
			t.Errorf("%q, password %q: %v", test.cfg.Bind, test.cfg.Password, err)
		}
	}
}

// What is announced takes no memory before it comes.
func TestAnnouncedLengths(t *testing.T) {
	s := start(t, nil)
	before := heap()
	for range 100 {
		c := s.dial()
		io.WriteString(c, "*1000000\r\n$67108000\r\nx")
		defer c.Close()
	}
	s.dial().exchange("PING\n", "+PONG\n") // behind the others
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("100 clients that announce 64 MB each take %d MB", grown>>20)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A command beyond the limit is refused when it is announced, or when so much has come.
func TestMaxRequest(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxRequest = 1 << 20 })
	for in, out := range map[string]string{
		"*2\r\n$4\r\nECHO\r\n$1048577\r\n":                                                  "-ERR Protocol error: invalid bulk length\r\n",
		"*3\r\n$4\r\nMGET\r\n$1048000\r\n" + strings.Repeat("x", 1048000) + "\r\n$1000\r\n": "-ERR Protocol error: request is too large\r\n",
		strings.Repeat("x", 1<<20+100):                                                      "-ERR Protocol error: too big inline request\n",
	} {
		c := s.dial()
		io.WriteString(c, in)
		c.wantEnd(out)
	}
}

func TestMaxClients(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxClients = 2 })
	first := s.dial().exchange("PING\n", "+PONG\n")
	s.dial().exchange("PING\n", "+PONG\n")
	s.dial().wantEnd("-ERR max number of clients reached\r\n")
	first.Close()
	s.awaitClients(1)
	s.dial().exchange("PING\n", "+PONG\n")
}

// A client that does not read its replies is not read from, is dropped in the end, and
// keeps nobody waiting.
func TestClientThatNeverReads(t *testing.T) {
	s := start(t, func(c *Config) { c.WriteTimeout = time.Nanosecond })
	value := strings.Repeat("x", 1<<20)
	other := s.dial().exchange("SET big "+value+"\n", "+OK\n")
	before := heap()
	greedy := s.dial()
	sent := make(chan error)
	go func() {
		var err error
		for range 100_000 { // blocks long before it has sent all of it
			if _, err = io.WriteString(greedy, strings.Repeat("GET big\n", 100)); err != nil {
				break
			}
		}
		sent <- err
	}()
	other.exchange("GET big\n", "$1048576\n"+value+"\n")
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("%d MB wait for a client that does not read", grown>>20)
	}
	if err := <-sent; err == nil {
		t.Error("the client was not dropped")
	}
	s.awaitClients(1)
	other.exchange("PING\n", "+PONG\n")
}

// A client that sends nothing is dropped after the idle timeout, but not one that
// subscribes.
func TestIdleTimeout(t *testing.T) {
	s := start(t, func(c *Config) { c.IdleTimeout = time.Nanosecond })
	c := s.dial()
	io.WriteString(c, "SUBSCRIBE channel\r\n")
	c.want("*3\r\n$9\r\nsubscribe\r\n$7\r\nchannel\r\n:1\r\n")
	s.dial().wantEnd("")
	s.awaitClients(1)
}

// A thousand idle and half-done connections take little and leave nothing behind.
func TestManyConnections(t *testing.T) {
	const n = 1000
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	s := start(t, nil)
	before := heap()
	conns := make([]net.Conn, 0, n)
	for i := range n {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%2 == 0 {
			io.WriteString(conn, "*2\r\n$4\r\nECHO\r\n$5\r\nhe") // the rest never comes
		}
	}
	s.dial().exchange("PING\n", "+PONG\n")
	s.awaitClients(n + 1)
	if each := (heap() - before) / int64(n); each > 16<<10 {
		t.Errorf("each connection takes %d bytes", each)
	}
	for _, conn := range conns {
		conn.Close()
	}
	s.awaitClients(1)
	s.end()
	deadline := time.Now().Add(patience)
	for openDescriptors(t) > descriptors+1 || runtime.NumGoroutine() > goroutines { // the client of PING is open
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors and %d goroutines are left, there were %d and %d", openDescriptors(t), runtime.NumGoroutine(), descriptors, goroutines)
		}
		runtime.Gosched()
	}
}

// As many clients as a server takes, in a process of its own because of the limit of open
// files: with NUBDB_TORTURE.
func TestTenThousandConnections(t *testing.T) {
	if os.Getenv("NUBDB_TORTURE") == "" {
		return
	}
	p := startProcess(t, t.TempDir()+"/db")
	conns := make([]*client, defaultMaxClients)
	for i := range conns {
		conns[i] = dial(t, "tcp", p.addr)
		io.WriteString(conns[i], "*2\r\n$4\r\nECHO\r\n$5\r\nhe")
	}
	dial(t, "tcp", p.addr).wantEnd("-ERR max number of clients reached\r\n")
	for _, c := range conns {
		c.exchange("llo\r\n", "$5\r\nhello\r\n")
	}
	conns[0].exchange("PING\r\n", "+PONG\r\n")
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(dir); err == nil {
			return len(names)
		}
	}
	return 0
}

// A command that goes through all keys keeps nobody waiting, neither does one that sleeps.
func TestLongCommands(t *testing.T) {
	s := start(t, nil)
	var load strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&load, "SET key:%d v\n", i)
	}
	load.WriteString("SLEEP 1000\n")
	sleeper := s.dial()
	io.WriteString(sleeper, load.String())
	sleeper.want(strings.Repeat("+OK\n", 20_000))
	const rounds = 2000 // in a turn of the loop if they ran there
	long := s.dial()
	io.WriteString(long, strings.Repeat("KEYS none*\n", rounds))
	answered := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(long, make([]byte, rounds*len("*0\n")))
		answered <- err
	}()
	quick := s.dial()
	for i := range 20 {
		quick.exchange("INCR n\n", fmt.Sprintf(":%d\n", i+1))
	}
	select {
	case err := <-answered:
		t.Errorf("short commands waited for the long ones (%v)", err)
	default:
	}
	long.Close()
	<-answered
}
