package wire

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// replyTests are also the seeds of FuzzReply. The wanted reply is shown as JSON,
// or the error as its text.
var replyTests = []struct{ name, in, want string }{
	{"status", "+OK\r\n", `"OK"`},
	{"error", "-ERR a b\r\n", `{"error":{"code":"ERR","message":"a b"}}`},
	{"bulk error", "!7\r\nERR a\nb\r\n", `{"error":{"code":"ERR","message":"a b"}}`},
	{"integer", ":-42\r\n", `-42`},
	{"string", "$4\r\na\r\nb\r\n", `"a\r\nb"`},
	{"empty string", "$0\r\n\r\n", `""`},
	{"verbatim string", "=7\r\ntxt:abc\r\n", `"abc"`},
	{"nils", "*3\r\n$-1\r\n*-1\r\n_\r\n", `[null,null,null]`},
	{"booleans", "*2\r\n#t\r\n#f\r\n", `[true,false]`},
	{"doubles", "*5\r\n,3.25\r\n,1e+20\r\n,inf\r\n,-inf\r\n,nan\r\n", `[3.25,1e+20,"inf","-inf","nan"]`},
	{"big number", "(-123456789012345678901\r\n", `-123456789012345678901`},
	{"map", "%1\r\n$1\r\nk\r\n~1\r\n:1\r\n", `{"k":[1]}`},
	{"push", ">2\r\n$7\r\nmessage\r\n:1\r\n", `["message",1]`},
	{"attributes are skipped", "|1\r\n+ttl\r\n:1\r\n*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:2\r\n:3\r\n", `[2,3]`},
	{"nested to the limit", strings.Repeat("*1\r\n", 8) + ":1\r\n", `[[[[[[[[1]]]]]]]]`},

	{"nested too deep", strings.Repeat("*1\r\n", 9) + ":1\r\n", "invalid reply: arrays nested more than 8 deep"},
	{"attributes nested too deep", strings.Repeat("|1\r\n", 9), "invalid reply: arrays nested more than 8 deep"},
	{"unknown type", "hello\r\n", `invalid reply: unknown type 'h'`},
	{"streamed string", "$?\r\n", `invalid reply: length "?"`},
	{"negative length", "*-2\r\n", `invalid reply: length "-2"`},
	{"length that is too large", "$1025\r\n", `invalid reply: length "1025"`},
	{"array that is too large", "*1025\r\n", `invalid reply: length "1025"`},
	{"string longer than its length", "$1\r\nab\r\n", "invalid reply: a string longer than its length"},
	{"verbatim string without a format", "=3\r\nabc\r\n", "invalid reply: a verbatim string without its format"},
	{"integer that is none", ":1.5\r\n", `invalid reply: ":1.5"`},
	{"double that is none", ",x\r\n", `invalid reply: ",x"`},
	{"boolean that is none", "#x\r\n", `invalid reply: "#x"`},
	{"big number that is none", "(1x\r\n", `invalid reply: "(1x"`},
	{"line without CR", "+OK\n", `invalid reply: line "+OK\n"`},
	{"empty line", "\r\n", `invalid reply: line "\r\n"`},
	{"endless line", "+" + strings.Repeat("x", maxReplyLine), "invalid reply: a line of more than 65536 bytes"},
	{"truncated line", "+OK", "unexpected EOF"},
	{"truncated string", "$5\r\nabc", "unexpected EOF"},
	{"truncated behind a string", "$3\r\nabc", "unexpected EOF"},
	{"truncated array", "*2\r\n:1\r\n", "unexpected EOF"},
	{"nothing", "", "EOF"},
}

func newTestReplyReader(src io.Reader) *ReplyReader {
	r := NewReplyReader(src)
	r.MaxBulk, r.MaxElems, r.MaxDepth = 1024, 1024, 8
	return r
}

func TestReplyReader(t *testing.T) {
	for _, tt := range replyTests {
		t.Run(tt.name, func(t *testing.T) {
			for how, wrap := range deliveries {
				reply, err := newTestReplyReader(wrap(strings.NewReader(tt.in))).Read()
				got := string(appendJSONValue(nil, &reply))
				if err != nil {
					got = err.Error()
				}
				if got != tt.want {
					t.Errorf("%s: got %s, want %s", how, got, tt.want)
				}
				if strings.HasPrefix(tt.want, "invalid") && !errors.Is(err, ErrReply) {
					t.Errorf("%s: %v is not ErrReply", how, err)
				}
			}
		})
	}
}

func TestReplyReaderKinds(t *testing.T) {
	r := newTestReplyReader(strings.NewReader("*-1\r\n=5\r\ntxt:a\r\n%0\r\n>0\r\n+a\r\n"))
	for _, want := range []Kind{KindNilArray, KindVerbatim, KindMap, KindPush, KindStatus} {
		if got, err := r.Read(); err != nil || got.Kind != want {
			t.Errorf("got kind %d, %v; want %d", got.Kind, err, want)
		}
	}
	if _, err := r.Read(); err != io.EOF {
		t.Errorf("got %v at the end", err)
	}
}

func TestReplyReaderSourceError(t *testing.T) {
	r := NewReplyReader(io.MultiReader(strings.NewReader("$5\r\nab"), iotest.ErrReader(os.ErrDeadlineExceeded)))
	if _, err := r.Read(); err != os.ErrDeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

// Declared lengths cost nothing before their bytes are there.
func TestReplyReaderDoesNotBelieveLengths(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReplyReader(strings.NewReader("*16777216\r\n%16777216\r\n$536870912\r\nabc"))
	if _, err := r.Read(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*maxReplyLine {
		t.Errorf("%d bytes allocated for three", n)
	}
}
