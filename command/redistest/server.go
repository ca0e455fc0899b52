// Package redistest is what the tests of other packages have in common that compare
// NubDB with a real redis-server: it starts one, talks to it, and makes random commands
// of those that it knows.
package redistest

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

// Start starts a redis-server that keeps nothing and returns the path of its socket.
// flags are added to its command line. It is stopped at the end of the test.
func Start(t testing.TB, flags ...string) (socket string) {
	t.Helper()
	dir := ShortDir(t)
	socket = filepath.Join(dir, "sock")
	flags = append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir}, flags...)
	server := exec.Command("redis-server", flags...)
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("the tests compare with a real redis-server, apt-get install redis-server: %v", err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	awaitReady(t, output)
	return socket
}

func awaitReady(t testing.TB, output io.Reader) {
	t.Helper()
	var log strings.Builder
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "eady to accept connections") {
			go io.Copy(io.Discard, output) // ends with the server
			return
		}
		log.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("redis-server did not start:\n%s", log.String())
}

// ShortDir is a temporary directory whose path leaves room for the name of a socket, as
// that of t.TempDir does not.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nubdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Conn is a connection to a server.
type Conn struct {
	net.Conn
	Replies *bufio.Reader
}

// Dial connects to a server's socket until the end of the test.
func Dial(t testing.TB, socket string) *Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Conn{conn, bufio.NewReader(conn)}
}

// Ask sends a command and returns the exact bytes of the reply.
func (c *Conn) Ask(t testing.TB, args [][]byte) []byte {
	t.Helper()
	if _, err := c.Write(wire.AppendRequest(nil, args)); err != nil {
		t.Fatal(err)
	}
	raw, err := ReadReply(nil, c.Replies)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
