package repl

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/remote"
	"github.com/nubdb/nubdb/server"
)

// safetyNet bounds how long a test waits for what it expects on a slow machine.
const safetyNet = 60 * time.Second

// TestMain is the shell itself when a test has started it on a terminal, with
// what env has set, or a server.
func TestMain(m *testing.M) {
	db := os.Getenv("NUBDB_TEST_SHELL")
	if db == "" {
		// Under nohup, or in the background of a script, shells would inherit that these are
		// ignored.
		for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
			if signal.Ignored(sig) {
				signal.Notify(make(chan os.Signal, 1), sig)
			}
		}
		os.Exit(m.Run())
	}
	if os.Getenv("NUBDB_TEST_SERVER") != "" {
		if err := server.Run(server.Config{DB: db, Stderr: os.Stderr}); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	cfg := Config{DB: db, Sync: command.SyncAlways, Connect: remote.Connect}
	cfg.Timeout, _ = time.ParseDuration(os.Getenv("NUBDB_TEST_TIMEOUT"))
	cfg.Engine.LockTimeout, _ = time.ParseDuration(os.Getenv("NUBDB_TEST_LOCK_TIMEOUT"))
	if os.Getenv("NUBDB_TEST_FAIL") != "" {
		cfg.Engine.FS = vfs.NewFault(vfs.OS, vfs.Rule{Ops: vfs.OpDatasync, Forever: true, Err: syscall.EIO})
	}
	if os.Getenv("NUBDB_TEST_PANIC") != "" {
		cfg.Engine.Clock = func() int64 { panic("as a test wants it") }
	}
	if os.Getenv("NUBDB_TEST_STUCK") != "" {
		cfg.Engine.Clock = func() int64 { select {} }
	}
	os.Exit(Run(cfg))
}

// console is a process on a terminal of its own, with someone who types and looks
// at the screen.
type console struct {
	t        *testing.T
	cmd      *exec.Cmd
	ptmx     *os.File // the person's end of the terminal
	tty      *os.File // the process's end
	original unix.Termios
	exited   chan struct{}

	mu       sync.Mutex // guards what follows
	screen   *vt
	received int // bytes, in all

	news chan struct{} // the screen has changed
}

// start starts a shell on the database nubdb.db in dir, where its history is, too.
func start(t *testing.T, dir string, setups ...func(*console)) *console {
	t.Helper()
	cmd := exec.Command(program(t))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NUBDB_TEST_SHELL=nubdb.db", "XDG_STATE_HOME="+filepath.Join(dir, "state"), "TERM=xterm", "NO_COLOR=1", "PAGER=",
		"GORACE=atexit_sleep_ms=0") // the race detector waits a second otherwise
	return startCommand(t, cmd, setups...)
}

// program is this test, which is the shell if TestMain is told so.
func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func env(settings ...string) func(*console) {
	return func(c *console) { c.cmd.Env = append(c.cmd.Env, settings...) }
}

func window(width, height int) func(*console) {
	return func(c *console) { c.screen = newVT(width, height) }
}

// startCommand starts a command with all of stdin, stdout and stderr on the
// terminal that no setup has put elsewhere.
func startCommand(t *testing.T, cmd *exec.Cmd, setups ...func(*console)) *console {
	t.Helper()
	c := &console{t: t, cmd: cmd, screen: newVT(80, 24), exited: make(chan struct{}), news: make(chan struct{}, 1)}
	for _, set := range setups {
		set(c)
	}
	c.openTerminal()
	c.original = c.mode()
	cmd.Stdin = c.tty
	if cmd.Stdout == nil {
		cmd.Stdout = c.tty
	}
	if cmd.Stderr == nil {
		cmd.Stderr = c.tty
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.look()
	go func() {
		cmd.Wait()
		close(c.exited)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-c.exited
		c.tty.Close()
		c.ptmx.Close()
	})
	return c
}

func (c *console) openTerminal() {
	c.t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := pty.Setsize(ptmx, &pty.Winsize{Cols: uint16(c.screen.width), Rows: uint16(c.screen.height)}); err != nil {
		c.t.Fatal(err)
	}
	// The file is blocking, which would keep Close waiting for a read.
	fd, err := unix.Dup(int(ptmx.Fd()))
	if err != nil {
		c.t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		c.t.Fatal(err)
	}
	ptmx.Close()
	c.ptmx, c.tty = os.NewFile(uintptr(fd), "ptmx"), tty
}

// look shows on the screen what the process writes.
func (c *console) look() {
	buf := make([]byte, 4096)
	for {
		n, err := c.ptmx.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.screen.Write(buf[:n])
		c.received += n
		c.mu.Unlock()
		select {
		case c.news <- struct{}{}:
		default:
		}
	}
}

func (c *console) mode() unix.Termios {
	c.t.Helper()
	mode, err := unix.IoctlGetTermios(int(c.tty.Fd()), ioctlGetTermios)
	if err != nil {
		c.t.Fatal(err)
	}
	return *mode
}

// foreground is the process group that the terminal's keys are for.
func (c *console) foreground() (group int) {
	c.t.Helper()
	conn, err := c.ptmx.SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	if e := conn.Control(func(fd uintptr) { group, err = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) }); e != nil || err != nil {
		c.t.Fatal(e, err)
	}
	return group
}

// keys types.
func (c *console) keys(text string) {
	c.t.Helper()
	if _, err := c.ptmx.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// expect waits until the last rows on the screen are these.
func (c *console) expect(rows ...string) {
	c.t.Helper()
	c.wait(rows, func() bool {
		text := c.screen.text()
		return len(text) >= len(rows) && slices.Equal(text[len(text)-len(rows):], rows)
	})
}

// expectHints is expect with the hints that are shown behind the line.
func (c *console) expectHints(rows ...string) {
	c.t.Helper()
	c.wait(rows, func() bool {
		text := c.screen.textWithHints()
		return len(text) >= len(rows) && slices.Equal(text[len(text)-len(rows):], rows)
	})
}

// expectRow waits until there is a row that begins with this.
func (c *console) expectRow(row string) {
	c.t.Helper()
	c.wait([]string{row}, func() bool {
		return slices.ContainsFunc(c.screen.text(), func(shown string) bool { return strings.HasPrefix(shown, row) })
	})
}

// expectEnd waits until the last row ends with this.
func (c *console) expectEnd(text string) {
	c.t.Helper()
	c.wait([]string{"..." + text}, func() bool {
		rows := c.screen.text()
		return len(rows) > 0 && strings.HasSuffix(rows[len(rows)-1], text)
	})
}

// expectAt waits until these are the last rows, and the cursor is in that column
// of that one of them.
func (c *console) expectAt(row, column int, rows ...string) {
	c.t.Helper()
	c.wait(rows, func() bool {
		text := c.screen.text()
		from := len(text) - len(rows)
		return from >= 0 && slices.Equal(text[from:], rows) && c.screen.row == from+row && c.screen.column == column
	})
}

func (c *console) wait(rows []string, done func() bool) {
	c.t.Helper()
	for net := time.After(safetyNet); ; {
		c.mu.Lock()
		seen := done()
		c.mu.Unlock()
		if seen {
			return
		}
		select {
		case <-c.news:
		case <-net:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("the screen is\n%s\n(cursor at %d,%d) but should end in\n%s",
				strings.Join(c.screen.text(), "\n"), c.screen.row, c.screen.column, strings.Join(rows, "\n"))
		}
	}
}

// expectExit waits for the end of the process. The terminal must be as it was.
func (c *console) expectExit(status int) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(safetyNet):
		c.t.Fatalf("the shell does not end; the screen is\n%s", strings.Join(c.screen.text(), "\n"))
	}
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		c.t.Errorf("exit status %d, want %d", got, status)
	}
	if c.mode() != c.original {
		c.t.Errorf("the terminal was not restored:\n%+v\nwas\n%+v", c.mode(), c.original)
	}
}

func (c *console) signal(sig os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}
