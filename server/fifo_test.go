package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// pipes is a fifo that serves a database in memory, through real pipes.
type pipes struct {
	*fifo
	t       *testing.T
	in, out string
	logged  chan string
	stop    func()      // ends Serve and waits for it
	hurry   atomic.Bool // time flies; it stands still otherwise
}

// servePipes starts a fifo, after changes, and stops it at the end of the test.
func servePipes(t *testing.T, changes ...func(*fifo)) *pipes {
	t.Helper()
	dir := t.TempDir()
	p := &pipes{t: t, in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out"), logged: make(chan string, 100)}
	db, err := engine.Open(engine.Memory, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	instance := command.NewInstance(db, command.Settings{})
	newSession := func() *command.Session { return instance.NewSession(command.Options{Local: true}) }
	log := slog.New(slog.NewTextHandler(lines(p.logged), nil))
	if p.fifo, err = newFIFO(p.in, p.out, newSession, db.Flush, log); err != nil {
		t.Fatal(err)
	}
	var now time.Time
	p.fifo.out.now = func() time.Time {
		if p.hurry.Load() {
			now = now.Add(2 * readPatience)
		}
		return now
	}
	for _, change := range changes {
		change(p.fifo)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.serve(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := within(t, served); err != nil {
			t.Errorf("serve: %v", err)
		}
		p.close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

// lines is a writer that passes lines on.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// within returns what a channel has; that it gives up after a minute is a safety net.
func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Error("nothing has come for a minute")
	}
	return v
}

// send writes a session.
func (p *pipes) send(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.in, []byte(text), 0); err != nil {
		p.t.Error(err)
	}
}

// ask writes a session and returns its replies.
func (p *pipes) ask(text string) string {
	p.t.Helper()
	p.send(text)
	replies, err := os.ReadFile(p.out)
	if err != nil {
		p.t.Error(err)
	}
	return string(replies)
}

func (p *pipes) expect(text, want string) {
	p.t.Helper()
	if got := p.ask(text); got != want {
		p.t.Errorf("%q answers %.100q, want %q", text, got, want)
	}
}

// open opens an end of a pipe as a client that will not do what it should.
func (p *pipes) open(name string, flag int) *os.File {
	p.t.Helper()
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { f.Close() })
	return f
}

func TestFIFOAnswersEachSession(t *testing.T) {
	p := servePipes(t)
	for _, c := range []struct{ name, in, out string }{
		{"a command", "SET k v\n", "OK\n"},
		{"no line end", "GET k", "v\n"},
		{"CRLF", "GET k\r\n", "v\n"},
		{"several", "SET user:1 \"Alice\"\nSET user:2 'B b'\nGET user:1\nGET user:2\nDBSIZE\n", "OK\nOK\nAlice\nB b\n3\n"},
		{"one line a reply", "SET lines \"a\\nb\"\nGET lines\nMGET k none lines\n", "OK\n\"a\\nb\"\nv\t(nil)\t\"a\\nb\"\n"},
		{"nothing", "", ""},
		{"comments and blank lines", "# nothing\n\n", ""},
		{"JSON, heredoc and RESP", "[\"SET\",\"k\",\"w\"]\nAPPEND k <<E\nx\nE\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "OK\n2\nwx\n"},
		{"an error in its place", "INCR k\nECHO on\n", "(error) ERR value is not an integer or out of range\non\n"},
		{"an unknown command", "NOPE\nECHO on\n", "(error) ERR unknown command 'NOPE', with args beginning with: \non\n"},
		{"quotes that do not end", "ECHO \"a\nECHO on\n", "(error) ERR line 1, column 6: unterminated quote\non\n"},
		{"a broken request ends the session", "*1\r\n$x\r\nECHO off\n", "(error) ERR line 1, column 1: Protocol error: invalid bulk length\n"},
		{"QUIT ends the session", "ECHO on\nQUIT\nECHO off\n", "on\n"},
		{"what follows QUIT is read", "QUIT\n" + strings.Repeat("ECHO off\n", 20_000), ""},
		{"EXIT, and nothing else", "EXIT\n", ""},
		{"a transaction", "MULTI\nSET m 1\nEXEC\n", "OK\nQUEUED\nOK\n"},
		{"a transaction that never ends", "MULTI\nSET m 2\n", "OK\nQUEUED\n"},
		{"was not done", "GET m\n", "1\n"},
		{"no subscriptions", "SUBSCRIBE news\nECHO on\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := p.ask(c.in)
			if c.name == "no subscriptions" {
				if !strings.HasPrefix(got, "(error) ") || !strings.HasSuffix(got, "\non\n") {
					t.Errorf("answers %q", got)
				}
			} else if got != c.out {
				t.Errorf("answers %q, want %q", got, c.out)
			}
		})
	}
}

// TestFIFOManyLines sends more than a pipe holds in both directions.
func TestFIFOManyLines(t *testing.T) {
	p := servePipes(t)
	const n = 20_000
	replies := p.ask(strings.Repeat("INCR k\nECHO 0123456789\n", n))
	var want strings.Builder
	for i := range n {
		fmt.Fprintf(&want, "%d\n0123456789\n", i+1)
	}
	if replies != want.String() {
		t.Errorf("%d bytes of replies, want %d", len(replies), want.Len())
	}
}

// TestFIFOClientsTakeTurns has clients that lock, write and read as fast as they can. No reply is
// lost or another's.
func TestFIFOClientsTakeTurns(t *testing.T) {
	p := servePipes(t)
	var turn sync.Mutex // guards the pipes, as flock does between processes
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 200 {
				turn.Lock()
				before := p.ask("GET n\n")
				after := p.ask("INCR n\n")
				turn.Unlock()
				want := "(nil)\n"
				var n int
				if fmt.Sscan(after, &n); n > 1 {
					want = fmt.Sprintf("%d\n", n-1)
				}
				if before != want {
					t.Errorf("%q and then %q", before, after)
				}
			}
		})
	}
	clients.Wait()
	p.expect("GET n\n", "1600\n")
}

// TestFIFOTurnEndsWithReplies shows why a client can't read the end of the session before its own: it
// cannot open the pipe for commands while that for replies is open.
func TestFIFOTurnEndsWithReplies(t *testing.T) {
	p := servePipes(t)
	p.send("SET big '" + strings.Repeat("x", 1<<20) + "'\nGET big\n")
	out := p.open(p.out, os.O_RDONLY) // opened by the server as well, which now waits to write on
	if fd, err := unix.Open(p.in, unix.O_WRONLY|unix.O_NONBLOCK, 0); err != unix.ENXIO {
		unix.Close(fd)
		t.Errorf("the pipe for commands can be opened: %v", err)
	}
	replies, err := io.ReadAll(out)
	out.Close()
	if len(replies) != 3+1<<20+1 || err != nil {
		t.Errorf("%d bytes, %v", len(replies), err)
	}
	p.expect("PING\n", "PONG\n")
}

// TestFIFOBadClients has clients that die, or worse, at every point. After each, the next
// client is served.
func TestFIFOBadClients(t *testing.T) {
	big := "SET big '" + strings.Repeat("x", 1<<20) + "'\nGET big\n"
	for _, c := range []struct {
		name string
		do   func(p *pipes) (end func() error)
		says string
	}{
		{"dies before it writes", func(p *pipes) func() error { return p.open(p.in, os.O_WRONLY).Close }, "bytes=0 error=\"nobody reads"},
		{"dies in a line", func(p *pipes) func() error { p.send("SET k 1\nINCR"); return nil }, "error=\"nobody reads"},
		{"dies in a request", func(p *pipes) func() error { p.send("*2\r\n$4\r\nINCR\r\n$1"); return nil }, "error=\"nobody reads"},
		{"never reads", func(p *pipes) func() error { p.send("PING\n"); return nil }, "bytes=5 error=\"nobody reads"},
		{"never reads on", func(p *pipes) func() error {
			p.send(big)
			return p.open(p.out, os.O_RDONLY).Close
		}, "bytes=1048580 error=\"nobody reads"},
		{"dies while it reads", func(p *pipes) func() error {
			p.send(big)
			return p.open(p.out, os.O_RDONLY).Close
		}, "bytes=1048580 error=\"write "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := servePipes(t)
			end := c.do(p)
			if strings.Contains(c.name, "dies") && end != nil {
				end()
			}
			// Who has closed the pipe is noticed by the next write, before any patience ends.
			p.hurry.Store(strings.Contains(c.says, "nobody reads"))
			if said := within(t, p.logged); !strings.Contains(said, c.says) {
				t.Errorf("says %q, not %q", said, c.says)
			}
			p.hurry.Store(false)
			if end != nil {
				end()
			}
			p.expect("ECHO next\n", "next\n")
		})
	}
}

// TestFIFOSeveralWriters write one session together, if one opens the pipe before the last has closed it.
func TestFIFOSeveralWriters(t *testing.T) {
	p := servePipes(t)
	a, b := p.open(p.in, os.O_WRONLY), p.open(p.in, os.O_WRONLY)
	fmt.Fprintln(a, "APPEND k a")
	fmt.Fprintln(b, "APPEND k b")
	a.Close()
	fmt.Fprintln(b, "GET k")
	b.Close()
	if got, err := os.ReadFile(p.out); string(got) != "1\n2\nab\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestRequestPipeKeeps has writers that come behind the end of a session: before the pipe is closed, and
// while it is.
func TestRequestPipeKeeps(t *testing.T) {
	if !keeps {
		return // only Linux promises as much
	}
	path := filepath.Join(t.TempDir(), "in")
	if _, err := makePipe(path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	a, err := newAlarm(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	p := requestPipe{path: path, soon: a, late: a, fd: -1, kept: -1}
	session := func(want string) {
		t.Helper()
		if got, err := io.ReadAll(&p); string(got) != want || err != nil {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	write := func(text string) error { return os.WriteFile(path, []byte(text), 0) }
	open := func() {
		t.Helper()
		if err := p.open(); err != nil {
			t.Fatal(err)
		}
	}

	open()
	if err := errors.Join(write("first"), write("early")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(&p, make([]byte, len("first"))); err != nil {
		t.Error(err)
	}
	p.close()
	open()
	session("early")
	waiting := make(chan error, 1)
	go func() { waiting <- write("late") }()
	open()
	session("late")
	if err := within(t, waiting); err != nil {
		t.Error(err)
	}
	open()
	stop()
	if n, err := p.Read(make([]byte, 1)); err != errStopped {
		t.Errorf("without a writer, Read returns %d, %v", n, err)
	}
	p.close()
	p.forget()
}

// TestFIFOTooManyReplies: the commands are run in any case.
func TestFIFOTooManyReplies(t *testing.T) {
	p := servePipes(t, func(f *fifo) { f.most = 10 })
	p.expect("ECHO 12345\nECHO 67\nECHO 89\nSET k v\n", "12345\n67\n(error) ERR more than 10 bytes of replies: the rest is dropped\n")
	p.expect("GET k\n", "v\n")
}

// TestFIFOStopFinishes: a session that goes on when the server is to stop gets its replies, unless it takes long.
func TestFIFOStopFinishes(t *testing.T) {
	p := servePipes(t)
	in := p.open(p.in, os.O_WRONLY)
	fmt.Fprint(in, "SLEEP 1000\nSET k v\nECHO last\n")
	replies := make(chan string, 1)
	go func() {
		text, err := os.ReadFile(p.out)
		if err != nil {
			t.Error(err)
		}
		replies <- string(text)
	}()
	in.Close()
	p.stop()
	if got := within(t, replies); got != "(error) ERR interrupted\nOK\nlast\n" {
		t.Errorf("%q", got)
	}
}

// TestFIFOStopsEndlessWriters: somebody who writes faster than commands run does not keep the server.
func TestFIFOStopsEndlessWriters(t *testing.T) {
	p := servePipes(t)
	in := p.open(p.in, os.O_WRONLY)
	ended := make(chan error, 1)
	go func() {
		lines := []byte(strings.Repeat("SET k 0123456789\n", 1000))
		for {
			if _, err := in.Write(lines); err != nil {
				ended <- err
				return
			}
		}
	}()
	p.stop()
	if err := within(t, ended); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
}

// TestFIFOStops at every point where it can wait.
func TestFIFOStops(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *pipes)
	}{
		{"for a client", func(p *pipes) {}},
		{"for a line", func(p *pipes) { fmt.Fprint(p.open(p.in, os.O_WRONLY), "SET k 1\nSET") }},
		{"for the end of a session", func(p *pipes) { fmt.Fprint(p.open(p.in, os.O_WRONLY), "QUIT\n") }},
		{"for a command", func(p *pipes) { p.send("SLEEP 1000\n") }},
		{"for a reader", func(p *pipes) { p.send("PING\n") }},
		{"for a reader to read", func(p *pipes) {
			p.send("SET big '" + strings.Repeat("x", 1<<20) + "'\nGET big\n")
			p.open(p.out, os.O_RDONLY)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := descriptors(t)
			p := servePipes(t)
			c.do(p)
			p.stop()
			for _, name := range []string{p.in, p.out} {
				if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is still there: %v", name, err)
				}
			}
			if after := descriptors(t); after > before+1 { // the client's own
				t.Errorf("%d open files, %d before", after, before)
			}
		})
	}
}

// descriptors counts the open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// TestFIFOStopLetsGo: a client that waits for a pipe to be opened does not wait for ever.
func TestFIFOStopLetsGo(t *testing.T) {
	p := servePipes(t)
	opened := make(chan error, 2)
	go func() {
		_, err := os.ReadFile(p.out)
		opened <- err
	}()
	p.send("PING\n") // read by that one
	if err := within(t, opened); err != nil {
		t.Error(err)
	}
	go func() {
		f, err := os.Open(p.out)
		f.Close()
		opened <- err
	}()
	p.stop()
	if err := within(t, opened); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestNewFIFO looks at what there may be at the places of the pipes.
func TestNewFIFO(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	for _, s := range []string{"pipe", "other"} {
		if err := unix.Mkfifo(name(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(name("file"), []byte("text"), 0o644), os.Symlink("pipe", name("link"))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, out, err string }{
		{"new", "other", ""},
		{"pipe", "new", ""},
		{"link", "other", ""},
		{"file", "new", "file is not a named pipe"},
		{"new", "file", "file is not a named pipe"},
		{".", "new", "is not a named pipe"},
		{"pipe", "pipe", "are the same pipe"},
		{"link", "pipe", "are the same pipe"},
		{"none/new", "new", "no such file"},
	} {
		f, err := newFIFO(name(c.in), name(c.out), nil, nil, nil)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s, %s: %v, want %s", c.in, c.out, err, c.err)
			}
		} else if err != nil {
			t.Errorf("%s, %s: %v", c.in, c.out, err)
		} else {
			if info, err := os.Stat(name("new")); c.in != "link" && (err != nil || info.Mode().Perm() != 0o600) {
				t.Errorf("the new pipe: %v, %v", info, err)
			}
			f.close()
		}
		left, _ := os.ReadDir(dir)
		if len(left) != 4 {
			t.Errorf("%s, %s: there are %v", c.in, c.out, left)
		}
	}
	if text, err := os.ReadFile(name("file")); string(text) != "text" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// TestServerFIFO is a server with pipes and TCP: both see one database, and with SyncAlways what is replied is
// on stable storage.
func TestServerFIFO(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(cfg *Config) {
		cfg.DB, cfg.Sync = filepath.Join(dir, "db"), command.SyncAlways
		cfg.In, cfg.Out = filepath.Join(dir, "in"), filepath.Join(dir, "out")
	})
	p := &pipes{t: t, in: s.cfg.In, out: s.cfg.Out}
	c := s.dial()
	p.expect("SET k fifo\n", "OK\n")
	if stats, err := s.db.Stats(); stats.Pending != 0 || err != nil {
		t.Errorf("%d bytes are not on stable storage, %v", stats.Pending, err)
	}
	fmt.Fprint(c, "GET k\r\nSET k tcp\r\n")
	c.want("$4\r\nfifo\r\n+OK\r\n")
	p.expect("GET k\n", "tcp\n")
	if info := p.ask("CLIENT INFO\n"); !strings.Contains(info, " addr="+p.in+" ") {
		t.Errorf("CLIENT INFO answers %q", info)
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(p.in); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", p.in, err)
	}
}
