package server

import "testing"

// TestProtocol is what clients send and what they get, byte by byte. The server closes the
// connection where end is set.
func TestProtocol(t *testing.T) {
	for _, test := range []struct {
		name, in, out string
		end           bool
	}{
		{"lines with LF", "SET a \"x y\"\nGET a\nGET b\nDEL a b\n", "+OK\n$3\nx y\n$-1\n:1\n", false},
		{"lines with CR LF", "SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n", false},
		{"RESP between lines", "PING\n*1\r\n$4\r\nPING\r\nPING\r\nPING\n", "+PONG\n+PONG\r\n+PONG\r\n+PONG\n", false},
		{"an array with LF", "MSET k 1 l 2\nMGET k none l\n", "+OK\n*3\n$1\n1\n$-1\n$1\n2\n", false},
		{"empty requests", "\n\r\n  \n*0\r\n*-1\r\nPING\n", "+PONG\n", false},
		{"an unknown command", "NONE x\nPING\n", "-ERR unknown command 'NONE', with args beginning with: 'x' \n+PONG\n", false},
		{"no comments, no JSON, no heredocs", "# PING\n[\"PING\"]\nECHO <<E\n",
			"-ERR unknown command '#', with args beginning with: 'PING' \n-ERR unknown command '[\"PING\"]', with args beginning with: \n$3\n<<E\n", false},
		{"a line end from a client in an error", "*1\r\n$3\r\na\r\n\r\n", "-ERR unknown command 'a  ', with args beginning with: \r\n", false},
		{"a quote that is not closed", "SET a \"x\nPING\n", "-ERR Protocol error: unbalanced quotes in request\n", true},
		{"the same with CR LF", "SET a 'x\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n", true},
		{"no count", "*x\r\nPING\n", "-ERR Protocol error: invalid multibulk length\r\n", true},
		{"no bulk string", "*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n", true},
		{"a huge length", "*3\r\n$3\r\nSET\r\n$99999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n", true},
		{"QUIT", "SET a 1\nQUIT\nSET a 2\n", "+OK\n+OK\n", true},
		{"HTTP", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n", "", true},
		{"a header of HTTP", "Host: localhost\r\nPING\r\n", "", true},
		{"commands beside the loop", "SLEEP 0.01\nSET a 3\nFSYNC\nGET a\n", "+OK\n+OK\n+OK\n$1\n3\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, nil)
			for _, pieces := range []int{len(test.in), 1} { // at once, and byte by byte
				c := s.dial()
				for i := 0; i < len(test.in); i += pieces {
					if _, err := c.Write([]byte(test.in[i : i+pieces])); err != nil {
						break // closed already
					}
				}
				if test.end {
					c.wantEnd(test.out)
				} else {
					c.want(test.out).Close()
				}
			}
		})
	}
}
