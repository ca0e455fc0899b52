package repl

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine"
)

// Keys as a terminal sends them.
const (
	enterKey  = "\r"
	ctrlC     = "\x03"
	ctrlD     = "\x04"
	ctrlR     = "\x12"
	ctrlZ     = "\x1a"
	up        = "\x1b[A"
	left      = "\x1b[D"
	home      = "\x1b[1~"
	end       = "\x1b[4~"
	deleteKey = "\x1b[3~"
	backspace = "\x7f"
	tab       = "\t"
)

func TestShellTypedReplies(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("new database ./nubdb.db", "nubdb>")
	c.keys("SET name Zoë\r")
	c.expect("nubdb> SET name Zoë", "OK", "nubdb>")
	c.keys("GET name\r")
	c.expect("OK", "nubdb> GET name", `"Zoë"`, "nubdb>")
	c.keys("INCR n\r")
	c.expect("nubdb> INCR n", "(integer) 1", "nubdb>")
	c.keys("MGET name none n\r")
	c.expect(`1) "Zoë"`, `2) (nil)`, `3) "1"`, "nubdb>")
	c.keys("INCR name\r")
	c.expect("(error) ERR value is not an integer or out of range", "nubdb>")
	c.keys("GTE name\r")
	c.expect("(error) ERR unknown command 'GTE', with args beginning with: 'name'", "did you mean GET?", "nubdb>")
	c.keys("HELP GET\r")
	c.expect("  example     GET user:1", "nubdb>")
	c.keys("SET k \"open\r")
	c.expect(`nubdb> SET k "open`, "(error) ERR column 7: unterminated quote", "nubdb>")
	c.keys("SET <<E \"open\rCLEAR\rE\r") // data of a command that is none
	c.expect(`nubdb> SET <<E "open`, "(error) ERR column 9: unterminated quote", "<<E> CLEAR", "<<E> E", "nubdb>")
	c.keys("  # a comment\r")
	c.keys("\r")
	c.keys(`["GET","n"]` + "\r")
	c.expect("nubdb>   # a comment", "nubdb>", `nubdb> ["GET","n"]`, `"1"`, "nubdb>")
	c.keys("QUIT\r")
	c.expectExit(0)
	c.expect(`"1"`, "nubdb> QUIT")
}

func TestShellEditing(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("ECO abd" + backspace + "c" + home + "\x1b[C" + "\x1b[C" + "H")
	c.expectAt(0, 10, "nubdb> ECHO abc")
	c.keys(end + left + left + deleteKey + "B\x1b[1;5D") // Ctrl-Left: to the word's beginning
	c.expectAt(0, 12, "nubdb> ECHO aBc")
	c.keys("\x0b" + `"x y"` + "\r") // Ctrl-K
	c.expect(`nubdb> ECHO "x y"`, `"x y"`, "nubdb>")
	c.keys("\x19" + "\x15") // Ctrl-Y, Ctrl-U
	c.expectAt(1, 7, `"x y"`, "nubdb>")
	c.keys("GETD" + tab)
	c.expectAt(0, 14, "nubdb> GETDEL")
	c.keys("\x15" + "EXPI" + tab + tab)
	c.expectHints("nubdb> EXPIRE", "EXPIRE      EXPIREAT    EXPIRETIME")
	c.keys(tab + tab)
	c.expectAt(0, 17, "nubdb> EXPIRETIME", "EXPIRE      EXPIREAT    EXPIRETIME")
	c.keys(ctrlC)
	c.expect("nubdb> EXPIRETIME^C", "nubdb>")
	c.keys("\x13") // Ctrl-S does not stop the terminal
	c.expect("nubdb>", "fwd-i-search:")
	c.keys(ctrlC + ctrlD)
	c.expectExit(0)
}

func TestShellEditsWideCharacters(t *testing.T) {
	c := start(t, t.TempDir(), window(20, 10))
	c.expect("new database ./nubdb", ".db", "nubdb>")
	c.keys("ECHO 日本語日本語")
	c.expectAt(1, 4, "nubdb> ECHO 日本語日", "本語")
	c.keys(left + left + left)
	c.expectAt(0, 18, "nubdb> ECHO 日本語日", "本語")
	c.keys("X")
	c.expectAt(1, 0, "nubdb> ECHO 日本語X", "日本語")
	c.keys("\r")
	c.expect("nubdb> ECHO 日本語X", "日本語", `"日本語X日本語"`, "nubdb>")
}

func TestShellPaste(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	text := strings.Repeat("{\"a\":\t1},", 500)
	c.keys("SET k '" + text + "'\rSTRLEN k\r")
	c.expect("OK", "nubdb> STRLEN k", "(integer) 4500", "nubdb>")
}

// Several lines that are pasted on a terminal that marks that can be looked at before
// they are entered, and run one by one then.
func TestShellPasteOfLines(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys(pasteBegin + "SET a <<E\rone\rE\rGET a\r\\timing on\rGET b\r" + pasteEnd)
	c.expectAt(5, 5, "nubdb> SET a <<E", "one", "E", "GET a", `\timing on`, "GET b")
	c.keys(backspace + "c\r")
	c.wait([]string{"(nil)"}, func() bool {
		text := c.screen.text()
		n := len(text)
		return n > 5 && text[n-1] == "nubdb>" && text[n-3] == "(nil)" && text[n-4] == "timing is on" && text[n-5] == `"one"`
	})
	c.keys(`\timing off` + "\r")
	c.expect("timing is off", "nubdb>")
	c.keys(pasteBegin + "SLEEP 1000\rSET d 1" + pasteEnd + "\r")
	c.waitRunning()
	c.keys(ctrlC) // is for all of them
	c.expect("(error) ERR interrupted", "nubdb>")
	c.keys("EXISTS d\r")
	c.expect("(integer) 0", "nubdb>")
	c.keys(up + up)
	c.expect("nubdb> SLEEP 1000")
}

// A line of a megabyte is edited like any other.
func TestShellPasteOfMegabyte(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	pasted := make(chan struct{})
	go func() { // what the terminal does not take at once
		defer close(pasted)
		c.keys(pasteBegin + "SET k " + strings.Repeat("x", 1<<20) + pasteEnd + "y" + backspace + "\rSTRLEN k\r")
	}()
	c.expect("OK", "nubdb> STRLEN k", "(integer) 1048576", "nubdb>")
	<-pasted
}

func TestShellHistory(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	c.expect("nubdb>")
	for _, line := range []string{"ECHO one", "AUTH secret", "ECHO  two", "ECHO one", "ECHO 'three"} {
		c.keys(line + "\r")
	}
	c.expect("nubdb> ECHO 'three", "(error) ERR column 6: unterminated quote", "nubdb>")
	c.keys(up)
	c.expect("nubdb> ECHO 'three")
	c.keys(end + "'\r") // corrected
	c.expect(`"three"`, "nubdb>")
	c.keys(strings.Repeat(up, 30) + "!")
	c.expect(`"three"`, "nubdb> ECHO  two!") // the oldest
	c.keys(ctrlC)
	c.keys("ECHO <<E\rx\ry\rE\r")
	c.expect("<<E> E", `"x\ny"`, "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)

	path := filepath.Join(dir, "state", "nubdb", "history")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("history: %v, %v; want mode 0600", info, err)
	}
	want := "ECHO  two\nECHO one\nECHO 'three\nECHO 'three'\nECHO \"x\\ny\"\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("history %q, %v; want %q", got, err, want)
	}

	c = start(t, dir)
	c.expect("nubdb>")
	c.keys(up)
	c.expect(`nubdb> ECHO "x\ny"`)
	c.keys(up + up + up + up + up)
	c.expect("nubdb> ECHO  two")
	c.keys(home + "X" + ctrlC) // a change that is given up is forgotten
	c.expect("nubdb> XECHO  two^C", "nubdb>")
	c.keys(ctrlR + "TWO")
	c.expect("nubdb> ECHO  two", "bck-i-search: TWO")
	c.keys("\r")
	c.expect("nubdb> ECHO  two", `"two"`, "nubdb>")
}

// readline panics here if its history is empty.
func TestShellSearchesEmptyHistory(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys(ctrlR + "x" + ctrlC + ctrlC + "PING\r")
	c.expect("nubdb> PING", "PONG", "nubdb>")
}

// A search takes no pastes.
func TestShellPasteInSearch(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	for range 10 {
		c.keys(ctrlR + strings.Repeat("x", minPaste))
	}
	c.keys(ctrlC + "PING\r")
	c.expect("nubdb> PING", "PONG", "nubdb>")
}

func TestShellTransaction(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("MULTI\r")
	c.expect("OK", "nubdb(tx)>")
	c.keys("SET k <<END\r")
	c.expect("nubdb(tx)> SET k <<END", "<<END>")
	c.keys("SIZ" + tab + "one\r") // a TAB completes nothing here
	c.expect("nubdb(tx)> SET k <<END", "<<END> SIZ    one", "<<END>")
	c.keys("END\r")
	c.expect("<<END> END", "QUEUED", "nubdb(tx)>")
	c.keys("EXEC\r")
	c.expect("nubdb(tx)> EXEC", "1) OK", "nubdb>")
	c.keys("GET k\r")
	c.expect(`"SIZ\tone"`, "nubdb>")
}

func TestShellCtrlC(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("SET k 1" + ctrlC)
	c.expect("nubdb> SET k 1^C", "nubdb>")
	c.keys("SET k <<END\rone" + ctrlC)
	c.expect("<<END> one^C", "nubdb>")
	c.keys("SIZE\r")
	c.expect("nubdb> SIZE", "(integer) 0", "nubdb>")
	c.keys("SLEEP 1000\r")
	c.expect("nubdb> SLEEP 1000")
	c.waitRunning()
	c.keys("PING\r" + ctrlC) // what was typed ahead is dropped, too
	c.expect("nubdb> SLEEP 1000", "(error) ERR interrupted", "nubdb>")
	c.signal(syscall.SIGINT)
	c.expect("(error) ERR interrupted", "nubdb> ^C", "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)
}

// waitRunning waits until the terminal is in the mode in which Ctrl-C is a signal.
func (c *console) waitRunning() {
	c.t.Helper()
	for c.mode().Lflag&syscall.ISIG == 0 {
		select {
		case <-c.exited:
			c.t.Fatal("the shell has ended")
		default:
		}
	}
}

func TestShellCtrlD(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("PINGX" + left + ctrlD + "\r") // deletes in a line
	c.expect("nubdb> PING", "PONG", "nubdb>")
	c.keys(deleteKey + "\x00" + "SET k <<E\r") // what is no Ctrl-D
	c.expect("nubdb> SET k <<E", "<<E>")
	c.keys(ctrlD)
	c.expectExit(0)
	c.expectAt(2, 0, "nubdb> SET k <<E", "<<E>") // a line end and nothing else
}

// All that is typed ahead is done, and the end comes last.
func TestShellTypedAhead(t *testing.T) {
	c := start(t, t.TempDir())
	c.keys("SLEEP 0.1\rSET k 1\rINCR k\r" + ctrlD)
	c.expectExit(0)
	c.expect("nubdb> SET k 1", "OK", "nubdb> INCR k", "(integer) 2", "nubdb>")
}

func TestShellAsksBeforeClear(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("CLEAR\r") // nothing to lose
	c.expect("nubdb> CLEAR", "OK", "nubdb>")
	c.keys("MSET a 1 b 2 c 3\r")
	c.expect("OK", "nubdb>")
	c.keys("CLEAR now\r") // would not run
	c.expect("(error) ERR syntax error", "usage: CLEAR [ASYNC | SYNC]", "example: CLEAR", "nubdb>")
	for _, answer := range []string{"\r", "n\r", "yikes\r", "y" + ctrlC} {
		c.keys("FLUSHALL\r")
		c.expect("nubdb> FLUSHALL", "delete 3 keys? [y/N]")
		c.keys(answer)
		shown := strings.TrimSpace("delete 3 keys? [y/N] " + strings.ReplaceAll(answer, ctrlC, "^C"))
		c.expect("nubdb> FLUSHALL", shown, "nubdb>")
	}
	c.keys("CLEAR\ry\r") // an answer before the question
	c.expect("nubdb> CLEAR", "delete 3 keys? [y/N]")
	c.keys("\r")
	c.keys("SIZE\r")
	c.expect("nubdb> SIZE", "(integer) 3", "nubdb>")
	c.keys("flushdb\r")
	c.expect("delete 3 keys? [y/N]")
	c.keys("Y\r")
	c.expect("delete 3 keys? [y/N] Y", "OK", "nubdb>")
	c.keys("SIZE\r")
	c.expect("(integer) 0", "nubdb>")
}

func TestShellSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			c := start(t, t.TempDir())
			c.expect("nubdb>")
			c.keys("SET k 1") // is not entered by that
			c.expect("nubdb> SET k 1")
			c.signal(sig)
			c.expectExit(128 + int(sig))
			c.expectAt(1, 0, "nubdb> SET k 1")
		})
		t.Run(sig.String()+" at an empty line", func(t *testing.T) {
			c := start(t, t.TempDir())
			c.expect("nubdb>")
			c.signal(sig)
			c.expectExit(128 + int(sig))
			c.expectAt(1, 0, "nubdb>")
		})
		t.Run(sig.String()+" during a command", func(t *testing.T) {
			c := start(t, t.TempDir())
			c.expect("nubdb>")
			c.keys("SLEEP 1000\r")
			c.expect("nubdb> SLEEP 1000")
			c.waitRunning()
			c.signal(sig)
			c.expectExit(128 + int(sig))
		})
	}
}

// A command that cannot be ended is waited for, but not against the will of
// whoever sends the signal again.
func TestShellSignalAgain(t *testing.T) {
	c := start(t, t.TempDir(), env("NUBDB_TEST_STUCK=1"))
	c.expect("nubdb>")
	c.keys("SET k 1\r")
	c.waitRunning()
	for ended := false; !ended; {
		c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.exited:
			ended = true
		default:
		}
	}
	c.expectExit(128 + int(syscall.SIGTERM))
}

func TestShellTimeout(t *testing.T) {
	c := start(t, t.TempDir(), env("NUBDB_TEST_TIMEOUT=10ms"))
	c.expectExit(124)
	c.expect("nubdb: stopped after 10ms (--timeout)")
}

func TestShellOnBusyDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := engine.Open(filepath.Join(dir, "nubdb.db"), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	c := start(t, dir, env("NUBDB_TEST_LOCK_TIMEOUT=10ms"))
	c.expectExit(5)
	c = start(t, dir, env("NUBDB_TEST_LOCK_TIMEOUT=1h", "NUBDB_TEST_TIMEOUT=10ms"))
	c.expectExit(124)
}

// Who has to wait for another process is told so, and can give up.
func TestShellWaits(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir, env("NUBDB_TEST_LOCK_TIMEOUT=1h"))
	c.expect("nubdb>")
	c.keys("SET k 1\r")
	c.expect("OK", "nubdb>")
	db, err := engine.Open(filepath.Join(dir, "nubdb.db"), engine.Options{LockTimeout: safetyNet}) // the shell lets go of it
	if err != nil {
		t.Fatal(err)
	}
	c.keys("GET k\r")
	c.expect("nubdb> GET k", "nubdb: waiting for the process that has the database; Ctrl-C gives up")
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys("GET k\r")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	c.expect(`"1"`, "nubdb>")
}

func TestShellOnSomethingElse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nubdb.db"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, dir)
	c.expectExit(6)
	c.expect("nubdb: not a NubDB database: nubdb.db is a file, not a directory")
}

// A failure of the database is an error like others to the shell, but not to
// its exit status.
func TestShellOnFailingDisk(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	c.expect("nubdb>")
	c.keys("SET k 1\r" + ctrlD)
	c.expectExit(0)
	c = start(t, dir, env("NUBDB_TEST_FAIL=1"), window(120, 24))
	c.expect("nubdb>")
	c.keys("SET k 2\r")
	failure := "database has failed: sync nubdb.db/0000000000000001.log: input/output error"
	c.expect("nubdb> SET k 2", "(error) ERR not on stable storage: "+failure, "nubdb>")
	c.keys(ctrlD)
	c.expectExit(6)
	c.expect("nubdb>", "nubdb: "+failure)
}

func TestShellRestoresTheTerminalInPanic(t *testing.T) {
	c := start(t, t.TempDir(), env("NUBDB_TEST_PANIC=1"))
	c.expect("nubdb>")
	c.keys("SET k 1\r")
	c.expectExit(2)
}

// Ctrl-C stops a reply that is longer than anybody wants to see.
func TestShellCutsReply(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	const length = 2_000_000 // four characters each on the screen
	c.keys(fmt.Sprintf("SETRANGE k %d x\rGET k\r", length))
	c.wait([]string{`\x00\x00...`}, func() bool { return strings.Contains(c.screen.text()[0], `\x00\x00`) })
	c.keys(ctrlC)
	c.expect("nubdb>")
	c.mu.Lock()
	shown := c.received
	c.mu.Unlock()
	if shown > length {
		t.Errorf("%d bytes were shown all the same", shown)
	}
	c.keys("SLEEP 0.01\r") // is not what the Ctrl-C was for
	c.expect("nubdb> SLEEP 0.01", "OK", "nubdb>")
}

// The window is closed: the terminal is gone while the shell waits for a key. It
// notices without the signal, too, also when it wants to show a reply.
func TestShellHangup(t *testing.T) {
	for _, test := range []struct{ trap, typed string }{
		{"", ""}, {`trap "" HUP; `, ""}, {"", "SLEEP 0.1\r"}, {`trap "" HUP; `, "SLEEP 0.1\r"},
	} {
		c := start(t, t.TempDir(), func(c *console) {
			c.cmd.Path, c.cmd.Args = "/bin/sh", []string{"sh", "-c", test.trap + `exec "$0"`, program(t)}
		})
		c.expect("nubdb>")
		if test.typed != "" {
			c.keys(test.typed)
			c.waitRunning()
		}
		c.tty.Close()
		c.ptmx.Close()
		<-c.exited
		if got := c.cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGHUP) {
			t.Errorf("%+v: exit status %d, want 129", test, got)
		}
	}
}

// Ctrl-Z stops the shell as a job of the shell that it was started from.
func TestShellSuspend(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-i", "-m")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PS1=sh> ", "ENV=", "TERM=xterm", "XDG_STATE_HOME="+dir, "NUBDB="+program(t))
	c := startCommand(t, cmd)
	c.expect("sh>")
	c.keys("NUBDB_TEST_SHELL=nubdb.db $NUBDB\n")
	c.expect("nubdb>")
	c.keys("SET k" + ctrlZ)
	c.wait([]string{"Stopped", "sh>"}, func() bool {
		text := c.screen.text()
		last := len(text) - 1
		return text[last] == "sh>" && strings.Contains(text[last-1], "Stopped")
	})
	if c.mode() != c.original {
		t.Error("the terminal was not restored while the shell is stopped")
	}
	c.keys("fg\n")
	c.expectAt(0, 12, "nubdb> SET k")
	c.keys(" 1\r")
	c.expect("nubdb> SET k 1", "OK", "nubdb>")

	c.keys("GET") // stopped by somebody else
	c.expect("nubdb> GET")
	syscall.Kill(-c.foreground(), syscall.SIGSTOP)
	c.wait([]string{"sh>"}, func() bool { text := c.screen.text(); return text[len(text)-1] == "sh>" })
	c.keys("fg\n")
	c.expect("nubdb> GET")
	c.keys(" k\r")
	c.expect("nubdb> GET k", `"1"`, "nubdb>")

	c.keys(ctrlD)
	c.expect(`"1"`, "nubdb>", "sh>")
	if c.mode() != c.original {
		t.Error("the terminal was not restored at the end")
	}
}

// Where nobody could continue it, Ctrl-Z does not stop the shell.
func TestShellDoesNotSuspendAlone(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("PI" + ctrlZ)
	c.expect("nubdb> PI", "nubdb> PI")
	c.keys("NG\r")
	c.expect("nubdb> PING", "PONG", "nubdb>")
}

func TestShellOnDumbTerminal(t *testing.T) {
	c := start(t, t.TempDir(), env("TERM=dumb"))
	c.expect("nubdb>")
	c.keys("SET k <<E\n")
	c.expect("<<E>")
	c.keys("Zoë\n")
	c.expect("<<E> Zoë", "<<E>")
	c.keys("E\n")
	c.expect("<<E> E", "OK", "nubdb>")
	c.keys("GET k\n")
	c.expect("nubdb> GET k", `"Zoë"`, "nubdb>")
	c.keys("SET k 2")
	c.expect("nubdb> SET k 2")
	c.keys(ctrlC)
	c.expect("nubdb> SET k 2^C", "nubdb>")
	c.keys("CLEAR\n")
	c.expect("nubdb> CLEAR", "delete 1 key? [y/N]")
	c.keys("y\n")
	c.expect("delete 1 key? [y/N] y", "OK", "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)
}

// Only the replies go to stdout when that is no terminal.
func TestShellIntoFile(t *testing.T) {
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c := start(t, dir, func(c *console) { c.cmd.Stdout = out })
	c.expect("nubdb>")
	c.keys("ECHO a\r" + ctrlD)
	c.expectExit(0)
	c.expect("new database ./nubdb.db", "nubdb> ECHO a", "nubdb>")
	if got, _ := os.ReadFile(out.Name()); string(got) != "\"a\"\n" {
		t.Errorf("stdout %q", got)
	}
}

// The reader of stdout is gone: that ends the shell at the next reply, with the
// terminal restored.
func TestShellIntoClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, t.TempDir(), func(c *console) { c.cmd.Stdout = w })
	w.Close()
	c.expect("nubdb>")
	r.Close()
	c.keys("PING\r")
	c.expectExit(128 + int(syscall.SIGPIPE))
}
