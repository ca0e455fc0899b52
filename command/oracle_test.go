package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

// oracle is a real redis-server: its replies are the expectations.
type oracle struct {
	conns []*oracleConn // one for each session
}

type oracleConn struct {
	net.Conn
	replies *bufio.Reader
}

// startOracle starts a redis-server that keeps nothing and connects to it so
// many times. It is stopped at the end of the test.
func startOracle(t *testing.T, sessions int) *oracle {
	t.Helper()
	path, err := osexec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests compare with a real redis-server: apt-get install redis-server")
	}
	dir, err := os.MkdirTemp("", "oracle") // t.TempDir is too long for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "sock")
	server := osexec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	awaitReady(t, output)
	o := &oracle{}
	for range sessions {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		o.conns = append(o.conns, &oracleConn{conn, bufio.NewReader(conn)})
	}
	return o
}

func awaitReady(t *testing.T, output io.Reader) {
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

// ask sends a command and returns the exact bytes of the reply.
func (c *oracleConn) ask(t *testing.T, args [][]byte) []byte {
	t.Helper()
	if _, err := c.Write(wire.AppendRequest(nil, args)); err != nil {
		t.Fatal(err)
	}
	raw, err := readRESP(nil, c.replies)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// readRESP appends the bytes of one reply of RESP2 or RESP3 to dst.
func readRESP(dst []byte, r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return dst, err
	}
	dst = append(dst, line...)
	kind := line[0]
	if !strings.ContainsRune("$=*%~>", rune(kind)) {
		return dst, nil
	}
	n, err := strconv.Atoi(string(line[1 : len(line)-2]))
	if err != nil || n < 0 {
		return dst, err
	}
	switch kind {
	case '$', '=':
		body := make([]byte, n+2)
		_, err = io.ReadFull(r, body)
		return append(dst, body...), err
	case '%':
		n *= 2
	}
	for ; n > 0 && err == nil; n-- {
		dst, err = readRESP(dst, r)
	}
	return dst, err
}

// parseRESP turns the bytes of a reply into a value, for comparisons that leave
// room for time or order.
func parseRESP(t *testing.T, raw []byte) wire.Reply {
	t.Helper()
	r, err := wire.NewReplyReader(strings.NewReader(string(raw))).Read()
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%q: %v", raw, err)
	}
	return r
}

func quoteArgs(args [][]byte) string {
	var line []byte
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		if len(arg) > 60 {
			arg = fmt.Appendf(nil, "%s...(%d bytes)", arg[:60], len(arg))
		}
		line = wire.AppendQuoted(line, arg)
	}
	return string(line)
}
