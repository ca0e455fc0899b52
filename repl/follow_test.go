package repl

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/remote"
)

// startServer starts a server on the database nubdb.db in dir and returns a function that
// stops it.
func startServer(t *testing.T, dir string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program(t))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NUBDB_TEST_SHELL=nubdb.db", "NUBDB_TEST_SERVER=1", "GORACE=atexit_sleep_ms=0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stderr).ReadString('\n'); err != nil { // it is ready
		t.Fatalf("the server says %q, %v", line, err)
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// send sends a command to the server of a database.
func send(t *testing.T, dir string, words ...string) {
	t.Helper()
	peer := remote.Connect(command.PeerOptions{Dir: filepath.Join(dir, "nubdb.db"), Wait: safetyNet})
	if peer == nil {
		t.Fatal("no server")
	}
	defer peer.Close()
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	peer.Send(args)
	if r, err := peer.Receive(); err != nil || r.IsError() {
		t.Fatal(words, r, err)
	}
}

// SUBSCRIBE and MONITOR show what comes until Ctrl-C, or the end of the server, after which
// the shell has the database itself.
func TestShellFollowsMessages(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	c.expect("nubdb>")
	c.keys("SUBSCRIBE news\r") // nobody could publish
	c.expect("(error) ERR SUBSCRIBE needs a connection to a server", "nubdb>")
	stop := startServer(t, dir)
	c.keys("SET k 1\rSUBSCRIBE news\r") // whoever writes finds the server
	c.expect("nubdb> SUBSCRIBE news", `1) "subscribe"`, `2) "news"`, "3) (integer) 1", "Ctrl-C ends this")
	for range 2 {
		send(t, dir, "PUBLISH", "news", "Zoë")
		c.expect(`1) "message"`, `2) "news"`, `3) "Zoë"`)
	}
	c.keys(ctrlC)
	c.expect(`3) "Zoë"`, "nubdb>")
	c.keys("MONITOR\r")
	c.expect("nubdb> MONITOR", "OK", "Ctrl-C ends this")
	send(t, dir, "SET", "user:1", "v")
	c.expectEnd(`"SET" "user:1" "v"`)
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys("GET us" + tab + "\r") // keys of the server
	c.expect("nubdb> GET user:1", `"v"`, "nubdb>")
	c.keys("PSUBSCRIBE *\r")
	c.expect("Ctrl-C ends this")
	stop()
	c.expect("Ctrl-C ends this", "the server has left", "nubdb>")
	c.keys("GET user:1\r")
	c.expect("nubdb> GET user:1", `"v"`, "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)
}
