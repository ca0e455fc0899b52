package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nubdb": main})
}

// TestScript runs what people do with nubdb: the scripts in testdata/script. Besides
// testscript's own commands they have those of scriptCommands.
func TestScript(t *testing.T) {
	// Under nohup, or in the background of a script, programs would inherit that these are
	// ignored, and the scripts that send them would wait for ever.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SNIPPETS", os.Getenv(snippets))
			env.Setenv("PYTHON", python())
			env.Setenv("NUBDB_DB", "")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // otherwise each run of a -race build takes a second
			return nil
		},
		Condition: condition,
		Cmds:      scriptCommands,
	})
}

// snippets is the environment variable that names a folder with the Python snippets that
// were published for the first NubDB. They are not part of the project.
const snippets = "NUBDB_SNIPPETS"

// condition adds conditions to those of testscript:
//
//	[root]       the user may do everything
//	[mount]      file systems can be mounted in a name space of their own
//	[race]       the race detector is on, which makes everything slow
//	[snippets]   there are the published Python snippets
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Getuid() == 0, nil
	case "mount":
		return exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil, nil
	case "race":
		info, _ := debug.ReadBuildInfo()
		return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}), nil
	case "snippets":
		return os.Getenv(snippets) != "", nil
	}
	return false, errors.New("unknown condition")
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":   exits,
	"prints":  func(ts *testscript.TestScript, neg bool, args []string) { matchLines(ts, neg, "stdout", args) },
	"says":    func(ts *testscript.TestScript, neg bool, args []string) { matchLines(ts, neg, "stderr", args) },
	"signal":  signalled,
	"tty":     onTerminal,
	"waitfor": waitFor,
}

// exits N program args... runs a program that must exit with status N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits status program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	checkStatus(ts, want, ts.Exec(args[1], args[2:]...))
}

func checkStatus(ts *testscript.TestScript, want int, err error) {
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			ts.Fatalf("killed by %v", ws.Signal())
		}
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if status != want {
		ts.Fatalf("exit status %d, want %d", status, want)
	}
}

// prints line... compares the whole stdout of the last program with lines; says
// does the same for stderr.
func matchLines(ts *testscript.TestScript, neg bool, file string, lines []string) {
	want := ""
	for _, line := range lines {
		want += line + "\n"
	}
	if got := ts.ReadFile(file); (got == want) == neg {
		ts.Fatalf("%s is\n%swant\n%s", file, got, want)
	}
}

// signal SIGNAL N file program args... starts a program, writes the file to its stdin,
// which stays open, waits for the first line of its stdout, sends the signal, and
// checks that it exits with status N.
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal SIGNAL status file program [args...]")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	cmd := prepare(ts, args[3:])
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	cmd.Stderr = ts.Stderr()
	ts.Check(cmd.Start())
	_, err = io.WriteString(stdin, ts.ReadFile(args[2]))
	ts.Check(err)
	reader := bufio.NewReader(stdout)
	first, err := reader.ReadString('\n')
	ts.Check(err)
	io.WriteString(ts.Stdout(), first)
	ts.Check(cmd.Process.Signal(unix.SignalNum("SIG" + args[0])))
	io.Copy(ts.Stdout(), reader)
	checkStatus(ts, want, cmd.Wait())
}

// prepare sets up a program that is not run with ts.Exec.
func prepare(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "NUBDB_DB=", "GORACE="+ts.Getenv("GORACE"))
	return cmd
}

// tty N program args... runs a program whose stdout and stderr are a terminal
// and that must exit with status N. stdin is empty. What appears on the terminal becomes stdout.
func onTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: tty status program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	master, slave, err := pty.Open()
	ts.Check(err)
	defer master.Close()
	cmd := prepare(ts, args[1:])
	cmd.Stdout, cmd.Stderr = slave, slave
	err = cmd.Start()
	slave.Close()
	ts.Check(err)
	io.Copy(ts.Stdout(), master) // ends with EIO when the program is gone
	checkStatus(ts, want, cmd.Wait())
}

// waitfor file regexp waits until a file exists and matches; that it gives up
// after a minute is a safety net.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor file regexp")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	giveUp := time.After(time.Minute)
	for {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && pattern.Match(content) {
			return
		}
		select {
		case <-tick.C:
		case <-giveUp:
			ts.Fatalf("%s does not match %s:\n%s", args[0], args[1], content)
		}
	}
}

// TestScriptsHavePurpose keeps every script readable: it begins with a comment
// that says what it is about.
func TestScriptsHavePurpose(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with a comment", name)
		}
	}
}
