package wire

import (
	"fmt"
	"testing"
)

// requestTests are also the seeds of FuzzRequest.
var requestTests = []struct {
	name, in string
	want     string // the arguments and the length, or the error
}{
	{"request", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\nmore", `["GET" "k"] 20`},
	{"any bytes", "*1\r\n$4\r\n\r\n\x00\xff\r\n", `["\r\n\x00\xff"] 14`},
	{"empty argument", "*1\r\n$0\r\n\r\n", `[""] 10`},
	{"empty request", "*0\r\n", `[] 4`},
	{"negative request", "*-1\r\n", `[] 5`},
	{"nothing", "", `[] 0`},
	{"unfinished", "*2\r\n$3\r\nGET\r\n$1\r\nk\r", `[] 0`},
	{"no request", "GET k\r\n", "Protocol error: expected '*', got 'G'"},
	{"no count", "*\r\n", "Protocol error: invalid multibulk length"},
	{"count that is no number", "*a\r\n", "Protocol error: invalid multibulk length"},
	{"count with a plus", "*+1\r\n", "Protocol error: invalid multibulk length"},
	{"count with a leading zero", "*01\r\n", "Protocol error: invalid multibulk length"},
	{"count of minus zero", "*-0\r\n", "Protocol error: invalid multibulk length"},
	{"count that is too large", "*17\r\n", "Protocol error: invalid multibulk length"},
	{"count beyond 64 bits", "*99999999999999999999", "Protocol error: invalid multibulk length"},
	{"count without CR", "*1\n", "Protocol error: invalid multibulk length"},
	{"count without LF", "*1\r$", "Protocol error: invalid multibulk length"},
	{"no bulk string", "*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"},
	{"negative length", "*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
	{"length that is too large", "*1\r\n$1025\r\n", "Protocol error: invalid bulk length"},
	{"length that is no number", "*1\r\n$1x\r\n", "Protocol error: invalid bulk length"},
	{"string longer than its length", "*1\r\n$1\r\nab\r\n", "Protocol error: expected CRLF behind a bulk string"},
	{"string without CR behind it", "*1\r\n$1\r\na\n\n", "Protocol error: expected CRLF behind a bulk string"},
	{"strings that are too large together", "*3\r\n$1024\r\n", `[] 0`},
}

var testLimits = Limits{MaxArg: 1024, MaxArgs: 16, MaxCommand: 2048}

func TestRequest(t *testing.T) {
	for _, tt := range requestTests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseWhole(tt.in); got != tt.want {
				t.Errorf("at once: got %s, want %s", got, tt.want)
			}
			if got := parsePieces(tt.in); got != tt.want {
				t.Errorf("byte by byte: got %s, want %s", got, tt.want)
			}
		})
	}
}

func parseWhole(in string) string {
	args, n, err := NewRequest(testLimits).Parse([]byte(in))
	return describeRequest(args, n, err)
}

// parsePieces shows the parser one more byte at a time, each time in other memory.
func parsePieces(in string) string {
	q := NewRequest(testLimits)
	for i := range len(in) + 1 {
		if args, n, err := q.Parse([]byte(in[:i])); n > 0 || err != nil {
			return describeRequest(args, n, err)
		}
	}
	return describeRequest(nil, 0, nil)
}

func describeRequest(args [][]byte, n int, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q %d", args, n)
}

func TestRequestsFollowEachOther(t *testing.T) {
	q := NewRequest(testLimits)
	in := []byte("*1\r\n$1\r\na\r\n*0\r\n*1\r\n$1\r\nb\r\n")
	var got []string
	for len(in) > 0 {
		args, n, err := q.Parse(in)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		got = append(got, fmt.Sprintf("%q", args))
		in = in[n:]
	}
	if want := `[["a"] [] ["b"]]`; fmt.Sprint(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendRequest(t *testing.T) {
	got := AppendRequest([]byte("x"), [][]byte{[]byte("GET"), nil})
	check(t, "request", got, "x*2\r\n$3\r\nGET\r\n$0\r\n\r\n")
}
