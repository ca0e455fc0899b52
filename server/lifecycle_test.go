package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/command/redistest"
)

// TestMain makes the test program a server when it is started by startProcess.
func TestMain(m *testing.M) {
	dir := os.Getenv("NUBDB_TEST_SERVER")
	if dir == "" {
		os.Exit(m.Run())
	}
	cfg := Config{DB: dir, TCP: true, Bind: []string{"127.0.0.1"}, Sync: command.SyncEnd}
	if os.Getenv("NUBDB_TEST_SYNC") == "always" {
		cfg.Sync = command.SyncAlways
	}
	if err := Run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a server in a process of its own.
type process struct {
	*exec.Cmd
	t    *testing.T
	addr string
}

// startProcess starts a server on the database in dir and waits until it is ready.
func startProcess(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "NUBDB_TEST_SERVER="+dir, "GORACE=atexit_sleep_ms=0"), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: cmd, t: t}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the server did not start: %q, %v", line, err)
		}
		if _, rest, ok := strings.Cut(line, "127.0.0.1:"); ok && strings.Contains(line, "ready to accept") {
			p.addr = "127.0.0.1:" + rest[:strings.IndexAny(rest, "\" ")]
			break
		}
	}
	go io.Copy(io.Discard, lines) // ends with the process
	return p
}

// end sends a signal and waits for the end of the process, which must come in time: two seconds
// are promised, and twice that is for machines that are busy.
func (p *process) end(sig syscall.Signal) error {
	p.t.Helper()
	began := time.Now()
	if err := p.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	err := p.Wait()
	if took := time.Since(began); took > 4*time.Second {
		p.t.Errorf("the server ended %v after the signal", took)
	}
	return err
}

// load runs INCR from several connections until the server is gone, and counts those that
// were acknowledged.
type load struct {
	all          sync.WaitGroup
	acknowledged atomic.Int64
	enough       chan struct{} // closed when some have been
}

const loadClients = 8

func startLoad(t *testing.T, addr string, pipeline int) *load {
	t.Helper()
	l := &load{enough: make(chan struct{})}
	request := strings.Repeat("INCR n\r\n", pipeline)
	for range loadClients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		l.all.Go(func() {
			defer conn.Close()
			replies := bufio.NewReader(conn)
			for {
				if _, err := io.WriteString(conn, request); err != nil {
					return
				}
				for range pipeline {
					line, err := replies.ReadString('\n')
					if err != nil || !strings.HasPrefix(line, ":") {
						return
					}
					if l.acknowledged.Add(1) == 1000 {
						close(l.enough)
					}
				}
			}
		})
	}
	return l
}

// A server that is told to stop while clients are busy ends in time with status 0, and
// what it has acknowledged is there, and nothing else; after kill -9 there may be more.
func TestStopUnderLoad(t *testing.T) {
	for _, test := range []struct {
		name string
		sig  syscall.Signal
		sync string
	}{
		{"SIGTERM", syscall.SIGTERM, ""},
		{"SIGINT", syscall.SIGINT, "always"},
		{"SIGKILL", syscall.SIGKILL, ""},
		{"SIGKILL with sync always", syscall.SIGKILL, "always"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir() + "/db"
			p := startProcess(t, dir, "NUBDB_TEST_SYNC="+test.sync)
			const pipeline = 10
			l := startLoad(t, p.addr, pipeline)
			<-l.enough
			err := p.end(test.sig)
			l.all.Wait()
			killed := test.sig == syscall.SIGKILL
			if (err != nil) != killed {
				t.Errorf("ended with %v", err)
			}
			acknowledged := l.acknowledged.Load()
			most := acknowledged
			if killed {
				most += loadClients * pipeline
			}
			got, err := strconv.ParseInt(value(t, dir, "n"), 10, 64)
			if err != nil || got < acknowledged || got > most {
				t.Errorf("n is %d, %v after %d acknowledged increments", got, err, acknowledged)
			}
		})
	}
}

// A client that takes its time gets the replies to all that was run before the server left, also
// if it has gone on to send commands, which nobody reads any more.
func TestStopDelivers(t *testing.T) {
	cert, key, _, pool := certificate(t)
	for name, files := range map[string]TLS{"TCP": {}, "TLS": {Cert: cert, Key: key}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/db"
			socket := filepath.Join(redistest.ShortDir(t), "sock")
			s := start(t, func(cfg *Config) { cfg.DB, cfg.TLS, cfg.UnixSocket = dir, files, socket })
			observer := dial(t, "unix", socket).exchange("SUBSCRIBE run\r\n", "*3\r\n$9\r\nsubscribe\r\n$3\r\nrun\r\n:1\r\n")
			c := dialWith(t, &net.Dialer{Control: narrow}, "tcp", s.addr)
			if name == "TLS" {
				c.Conn = tls.Client(c.Conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
			}
			io.WriteString(c, strings.Repeat("INCR n\r\n", 60_000)+"PUBLISH run 1\r\n")
			observer.want("*3\r\n$7\r\nmessage\r\n$3\r\nrun\r\n$1\r\n1\r\n")
			s.stop()
			reset := make(chan struct{})
			go func() {
				defer close(reset)
				for err := error(nil); err == nil; {
					_, err = io.WriteString(c, strings.Repeat("INCR n\r\n", 4000))
				}
			}()
			for exists(socket) { // until nothing is read any more
				runtime.Gosched()
			}
			replies, _ := io.ReadAll(c)
			<-reset
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			if got, want := strconv.Itoa(bytes.Count(replies, []byte("\n"))-1), value(t, dir, "n"); got != want {
				t.Errorf("%s replies to %s increments", got, want)
			}
		})
	}
}

// narrow makes the receive buffer of a socket small before it is connected. Made smaller later
// it takes back a window that was offered: then Linux may drop all that the server sends, its
// acknowledgements included, until something is read, and nothing moves in either direction.
func narrow(_, _ string, raw syscall.RawConn) (err error) {
	if cerr := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10)
	}); cerr != nil {
		return cerr
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Neither a command that takes for ever, nor a client that does not read, nor half a
// command keeps a server from ending; nor does a second SIGTERM hurry it.
func TestStopWithStubbornClients(t *testing.T) {
	p := startProcess(t, t.TempDir()+"/db")
	sleeper, greedy, half := dial(t, "tcp", p.addr), dial(t, "tcp", p.addr), dial(t, "tcp", p.addr)
	sleeper.exchange("PING\r\nSLEEP 1000\r\n", "+PONG\r\n")
	greedy.exchange("SET big "+strings.Repeat("x", 4<<20)+"\r\n", "+OK\r\n")
	io.WriteString(greedy, strings.Repeat("GET big\r\n", 100))
	io.WriteString(half, "*2\r\n$3\r\nGET\r\n")
	p.Process.Signal(syscall.SIGTERM)
	for {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	sleeper.wantEnd("-ERR interrupted\r\n")
	half.wantEnd("")
}

// SHUTDOWN ends the server, too.
func TestShutdown(t *testing.T) {
	dir := t.TempDir() + "/db"
	p := startProcess(t, dir)
	c := dial(t, "tcp", p.addr)
	io.WriteString(c, "SET a 1\r\nSHUTDOWN\r\n")
	c.wantEnd("+OK\r\n")
	if err := p.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if got := value(t, dir, "a"); got != "1" {
		t.Errorf("a is %q", got)
	}
}

// A second server does not get the database, and says who has it.
func TestSecondServer(t *testing.T) {
	dir := t.TempDir() + "/db"
	startProcess(t, dir)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NUBDB_TEST_SERVER="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "in use by process") {
		t.Errorf("%v: %s", err, out)
	}
}

// The service manager passes sockets, and learns when clients can connect.
func TestServiceManager(t *testing.T) {
	notices, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: t.TempDir() + "/n", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notices.Close()
	notices.SetDeadline(time.Now().Add(patience))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// A shell stands for the service manager, which knows the pid of the service.
	cmd := exec.Command("sh", "-c", `export LISTEN_PID=$$; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "NUBDB_TEST_SERVER="+t.TempDir()+"/db", "LISTEN_FDS=1", "NOTIFY_SOCKET="+notices.LocalAddr().String())
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	expectNotice(t, notices, "READY=1")
	c := dial(t, "tcp", l.Addr().String())
	c.exchange("PING\r\n", "+PONG\r\n")
	cmd.Process.Signal(syscall.SIGTERM)
	expectNotice(t, notices, "STOPPING=1")
	c.wantEnd("")
}

func expectNotice(t *testing.T, notices *net.UnixConn, want string) {
	t.Helper()
	var buf [100]byte
	n, err := notices.Read(buf[:])
	if err != nil || string(buf[:n]) != want {
		t.Fatalf("got %q, %v, want %q", buf[:n], err, want)
	}
}
