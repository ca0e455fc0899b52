package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns what a Reader makes of an input, one string per answer:
//
//	1:5 "SET" "k"        a command and the place of its first byte
//	1:5: message         a syntax error, with "fatal" before it if it is
//	message              another error
//
// It checks on the way that Ready tells exactly whether Next is going to read,
// that lines never go backwards and that the input is consumed to its end.
func readAll(t testing.TB, src io.Reader, g Grammar, limits ...Limits) []string {
	t.Helper()
	counted := &countingReader{src: src}
	r := NewReader(counted, g)
	r.firstBuffer = 8 // so that it moves and grows all the time
	if len(limits) > 0 {
		r.Limits = limits[0]
	}
	var got, ahead []string
	for line := 1; ; {
		ready, reads := r.Ready(), counted.reads
		if len(ahead) == 0 && len(got)%3 == 0 { // sometimes, as it does not matter
			for i := range r.Ahead() {
				ahead = append(ahead, peeked(r.Peek(i)))
			}
		}
		c, err := r.Next()
		if len(ahead) > 0 {
			if want := peeked(c); ahead[0] != want {
				t.Fatalf("Peek foretold %q, Next returned %q", ahead[0], want)
			}
			ahead = ahead[1:]
		}
		if ready != (counted.reads == reads) {
			t.Fatalf("Ready is %v but Next read %d times, after %q", ready, counted.reads-reads, got)
		}
		answer, at := describe(c, err)
		if err == io.EOF {
			if r.Offset() != counted.bytes {
				t.Fatalf("consumed %d of %d bytes", r.Offset(), counted.bytes)
			}
			reads = counted.reads
			if _, err := r.Next(); err != io.EOF || counted.reads != reads {
				t.Fatalf("behind the end: %v, after %d more reads", err, counted.reads-reads)
			}
			return got
		}
		if at != 0 && at < line {
			t.Fatalf("line %d follows line %d", at, line)
		}
		line = max(line, at)
		got = append(got, answer)
	}
}

// peeked describes what Peek returned.
func peeked(c *Command) string {
	if c == nil {
		return "an error"
	}
	s, _ := describe(c, nil)
	return s
}

func describe(c *Command, err error) (answer string, line int) {
	var syntax *SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Fatal:
		return "fatal " + syntax.Error(), syntax.Line
	case errors.As(err, &syntax):
		return syntax.Error(), syntax.Line
	case err != nil:
		return err.Error(), 0
	}
	answer = fmt.Sprintf("%d:%d", c.Line, c.Column)
	for _, a := range c.Args {
		answer += fmt.Sprintf(" %q", a)
	}
	return answer, c.Line
}

type countingReader struct {
	src   io.Reader
	reads int
	bytes int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.reads++
	n, err := c.src.Read(p)
	c.bytes += int64(n)
	return n, err
}

// readerTests show the grammar by example. They are also the seeds of FuzzReader.
var readerTests = []struct {
	name, in string
	want     []string
}{
	{"nothing", "", nil},
	{"words", "SET k v\nGET k\n", []string{`1:1 "SET" "k" "v"`, `2:1 "GET" "k"`}},
	{"last line without an end", "GET k", []string{`1:1 "GET" "k"`}},
	{"CR LF", "SET k v\r\nGET k\r\n", []string{`1:1 "SET" "k" "v"`, `2:1 "GET" "k"`}},
	{"CR at the very end", "GET k\r", []string{`1:1 "GET" "k"`}},
	{"other CRs are bytes of words", "GET a\rb\r\r\n", []string{`1:1 "GET" "a\rb\r"`}},
	{"blanks and TABs", " \t SET\tk  v \n", []string{`1:4 "SET" "k" "v"`}},
	{"blank lines", "\n \n\t\r\n\r\nGET k\n", []string{`5:1 "GET" "k"`}},
	{"comments are whole lines", "# a\nGET k # b\n  # \"c\n#", []string{`2:1 "GET" "k" "#" "b"`}},
	{"byte order mark", "\ufeffGET k\n\ufeffGET k\n", []string{`1:1 "GET" "k"`, `2:1 "\ufeffGET" "k"`}},
	{"part of a byte order mark", "\xef\xbb", []string{`1:1 "\xef\xbb"`}},
	{"any bytes but NUL and blanks", "GET \x01\x7f\xff\v\f\u00e9\u00a0\n", []string{`1:1 "GET" "\x01\x7f\xff\v\fé\u00a0"`}},

	{"double quotes", `SET k "a  b"`, []string{`1:1 "SET" "k" "a  b"`}},
	{"escapes", `ECHO "\n\r\t\b\a\\\"\x00\xfF"`, []string{`1:1 "ECHO" "\n\r\t\b\a\\\"\x00\xff"`}},
	{"unknown escapes are their letter", `ECHO "\q\'\x4g\x4" "\x" `, []string{`1:1 "ECHO" "q'x4gx4" "x"`}},
	{"bytes behind escapes", `ECHO "a\\b\"c" d`, []string{`1:1 "ECHO" "a\\b\"c" "d"`}},
	{"single quotes", `ECHO 'it\'s "so"\n\\ '`, []string{`1:1 "ECHO" "it's \"so\"\\n\\\\ "`}},
	{"empty words", `SET "" ''`, []string{`1:1 "SET" "" ""`}},
	{"quotes inside a word are bytes", `SET it's {"a":1} a"b`, []string{`1:1 "SET" "it's" "{\"a\":1}" "a\"b"`}},
	{"NUL in quotes", "SET k \"a\x00b\" 'c\x00'\n", []string{`1:1 "SET" "k" "a\x00b" "c\x00"`}},
	{"quoted command", `"GET" k`, []string{`1:1 "GET" "k"`}},

	{"unterminated quote", "SET k \"a b\nGET k\n", []string{`1:7: unterminated quote`, `2:1 "GET" "k"`}},
	{"unterminated single quote", "SET k 'a\\'\r\nGET k", []string{`1:7: unterminated quote`, `2:1 "GET" "k"`}},
	{"backslash at the end", "SET k \"a\\\nGET k", []string{`1:7: unterminated quote`, `2:1 "GET" "k"`}},
	{"escaped closing quote", "SET k \"a\\\"\nGET k", []string{`1:7: unterminated quote`, `2:1 "GET" "k"`}},
	{"text behind a closing quote", "SET \"k\"v\nSET k 'a''b'\n", []string{
		`1:5: text behind a closing quote: leave a blank`,
		`2:7: text behind a closing quote: leave a blank`}},
	{"NUL outside quotes", "GET a\x00b\nGET k\x00\n\x00\n", []string{
		`1:6: NUL byte outside quotes`, `2:6: NUL byte outside quotes`, `3:1: NUL byte outside quotes`}},

	{"heredoc", "SET k <<END\na\n b\nEND\nGET k\n", []string{`1:1 "SET" "k" "a\n b"`, `5:1 "GET" "k"`}},
	{"heredocs are bytes", "SET k <<E\n# \"a\n\n*1\n<<E\nE E\n\xff\x00\nE\n", []string{`1:1 "SET" "k" "# \"a\n\n*1\n<<E\nE E\n\xff\x00"`}},
	{"empty heredocs", "SET k <<E\nE\nSET k <<E\n\nE\nSET k <<E\n\n\nE", []string{`1:1 "SET" "k" ""`, `3:1 "SET" "k" ""`, `6:1 "SET" "k" "\n"`}},
	{"heredoc in any place", "SET <<_K1 v\nkey\n_K1\n", []string{`1:1 "SET" "key" "v"`}},
	{"several heredocs", "MSET a <<A b <<B c d\n1\nA\n2\nB\nGET a\n", []string{`1:1 "MSET" "a" "1" "b" "2" "c" "d"`, `6:1 "GET" "a"`}},
	{"heredoc with CR LF", "SET k <<E\r\na\r\nb\r\nE\r\n", []string{`1:1 "SET" "k" "a\r\nb"`}},
	{"CR LF only in the heredoc", "SET k <<E\na\r\nE\nGET k", []string{`1:1 "SET" "k" "a\r"`, `4:1 "GET" "k"`}},
	{"quoted << is literal", `SET "<<E" '<<E' a<<E <`, []string{`1:1 "SET" "<<E" "<<E" "a<<E" "<"`}},
	{"heredoc tag that is no name", "SET k <<\nSET k <<1\nSET k <<-E\nSET k <<'E'\nSET k <<E;\n", []string{
		`1:7: ` + faultTag, `2:7: ` + faultTag, `3:7: ` + faultTag, `4:7: ` + faultTag, `5:7: ` + faultTag}},
	{"heredoc without an end", "GET k\nSET k <<END\nDEL k\nEND \n", []string{`1:1 "GET" "k"`, `2:7: heredoc without a line END to end it`}},
	{"second heredoc without an end", "MSET a <<A b <<B\n1\nA\n2\n", []string{`1:14: heredoc without a line B to end it`}},
	{"heredoc of a faulty line is skipped", "MSET a <<A b <<B 'c\nDEL a\nA\nDEL b\nB\nGET k\n", []string{`1:18: unterminated quote`, `6:1 "GET" "k"`}},

	{"JSON", `["SET","k","v"]`, []string{`1:1 "SET" "k" "v"`}},
	{"JSON white space", "\t[ \"SET\" ,\t\"k\", \"\"]\r\n", []string{`1:2 "SET" "k" ""`}},
	{"JSON escapes", `["\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\ud83d\ude00"]`, []string{`1:1 "\"\\/\b\f\n\r\t\x00é€😀"`}},
	{"JSON numbers are as written", `["X",0,-1,12345678901234567890123,1.50,1E5,-0.1e-7]`, []string{
		`1:1 "X" "0" "-1" "12345678901234567890123" "1.50" "1E5" "-0.1e-7"`}},
	{"JSON base64", `["X",{"base64":"AP8="},{ "base64" : "AP8" },{"base64":""},{"base64":"\/\/8="}]`, []string{
		`1:1 "X" "\x00\xff" "\x00\xff" "" "\xff\xff"`}},
	{"JSON with bytes that are not UTF-8", "[\"X\",\"\xff\"]", []string{`1:1 "X" "\xff"`}},
	{"JSON goes on at the next line", "[\"X\nGET k\n", []string{`1:2: unterminated quote`, `2:1 "GET" "k"`}},
	{"JSON faults", strings.Join([]string{`[]`, `[`, `["X"`, `["X",`, `["X",]`, `["X" "Y"]`, `["X"] Y`, `["X",["Y"]]`, `["X",null]`}, "\n"), []string{
		`1:1: ` + faultJSONEmpty, `2:1: ` + faultJSONOpen, `3:1: ` + faultJSONOpen, `4:1: ` + faultJSONOpen,
		`5:6: ` + faultJSONBegin, `6:6: ` + faultJSONComma, `7:7: ` + faultJSONGlued, `8:6: ` + faultJSONBegin, `9:6: ` + faultJSONBegin}},
	{"JSON string faults", strings.Join([]string{`["X","a\q"]`, `["X","a\u12"]`, "[\"X\",\"a\tb\"]", `["\ud83d"]`, `["\ud83d\u0041"]`, `["\ude00\ud83d"]`, `["a\`}, "\n"), []string{
		`1:8: ` + faultJSONEscape, `2:8: ` + faultJSONEscape, `3:8: ` + faultJSONByte,
		`4:3: ` + faultJSONHalf, `5:3: ` + faultJSONHalf, `6:3: ` + faultJSONHalf, `7:2: ` + faultQuote}},
	{"JSON number faults", "[01]\n[-]\n[1.]\n[1e]\n[.5]\n[+1]\n", []string{
		`1:3: ` + faultJSONComma, `2:2: ` + faultJSONNumber, `3:2: ` + faultJSONNumber, `4:2: ` + faultJSONNumber, `5:2: ` + faultJSONBegin, `6:2: ` + faultJSONBegin}},
	{"JSON object faults", strings.Join([]string{`["X",{}]`, `["X",{"a":"b"}]`, `["X",{"base64":1}]`, `["X",{"base64":"AA"`, `["X",{"base64":"A"}]`, `["X",{"base64":"A?=="}]`}, "\n"), []string{
		`1:6: ` + faultJSONObject, `2:6: ` + faultJSONObject, `3:6: ` + faultJSONObject, `4:6: ` + faultJSONObject, `5:16: ` + faultJSONBase64, `6:16: ` + faultJSONBase64}},

	{"RESP", "*2\r\n$3\r\nGET\r\n$1\r\n\n\r\nGET k\n", []string{`1:1 "GET" "\n"`, `7:1 "GET" "k"`}},
	{"append-only file", "#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", []string{
		`2:1 "SELECT" "0"`, `7:1 "SET" "k" ""`}},
	{"empty RESP request", "*0\r\nGET k\n", []string{`2:1 "GET" "k"`}},
	{"a star and no digit is a word", "*\n*a\n*-1\n", []string{`1:1 "*"`, `2:1 "*a"`, `3:1 "*-1"`}},
	{"a star behind a blank is a word", " *1\n", []string{`1:2 "*1"`}},
	{"star at the end", "*", []string{`1:1 "*"`}},
	{"broken RESP ends the input", "GET k\n*2\r\n$3\r\nGET\r\nGET k\n", []string{
		`1:1 "GET" "k"`, `fatal 2:1: Protocol error: expected '$', got 'G'`}},
	{"RESP without CR", "*1\n$4\nPING\n", []string{`fatal 1:1: Protocol error: invalid multibulk length`}},
	{"truncated RESP", "*1\r\n$4\r\nPIN", []string{`fatal 1:1: Protocol error: the input ends inside a request`}},
}

func TestReader(t *testing.T) {
	for _, tt := range readerTests {
		t.Run(tt.name, func(t *testing.T) {
			for how, wrap := range deliveries {
				got := readAll(t, wrap(strings.NewReader(tt.in)), BatchGrammar)
				if !slices.Equal(got, tt.want) {
					t.Errorf("%s: got\n%s\nwant\n%s", how, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
			}
		})
	}
}

// deliveries are the ways in which a source may hand out its bytes.
var deliveries = map[string]func(io.Reader) io.Reader{
	"whole":          func(r io.Reader) io.Reader { return r },
	"byte by byte":   iotest.OneByteReader,
	"half":           iotest.HalfReader,
	"EOF with bytes": iotest.DataErrReader,
	"empty reads":    func(r io.Reader) io.Reader { return &stutter{src: r} },
}

// stutter returns (0, nil) every other time.
type stutter struct {
	src io.Reader
	odd bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.odd = !s.odd; s.odd {
		return 0, nil
	}
	return s.src.Read(p)
}

func TestReaderGrammars(t *testing.T) {
	const in = "# a\n[\"X\"]\nSET k <<E\n*1\r\n$4\r\nPING\r\n"
	tests := []struct {
		grammar Grammar
		want    []string
	}{
		{BatchGrammar, []string{`2:1 "X"`, `3:7: heredoc without a line E to end it`}},
		{ShellGrammar &^ Heredocs, []string{`2:1 "X"`, `3:1 "SET" "k" "<<E"`, `4:1 "*1"`, `5:1 "$4"`, `6:1 "PING"`}},
		{SocketGrammar, []string{`1:1 "#" "a"`, `2:1 "[\"X\"]"`, `3:1 "SET" "k" "<<E"`, `4:1 "PING"`}},
		{0, []string{`1:1 "#" "a"`, `2:1 "[\"X\"]"`, `3:1 "SET" "k" "<<E"`, `4:1 "*1"`, `5:1 "$4"`, `6:1 "PING"`}},
	}
	for _, tt := range tests {
		if got := readAll(t, strings.NewReader(in), tt.grammar); !slices.Equal(got, tt.want) {
			t.Errorf("grammar %04b: got %q, want %q", tt.grammar, got, tt.want)
		}
	}
}

func TestReaderLimits(t *testing.T) {
	limits := Limits{MaxArg: 8, MaxArgs: 3, MaxCommand: 40}
	long := strings.Repeat("x", 100)
	tests := []struct {
		name, in string
		want     []string
	}{
		{"argument as long as allowed", "GET 12345678\n", []string{`1:1 "GET" "12345678"`}},
		{"argument as long as allowed, CR LF", "GET 12345678\r\n", []string{`1:1 "GET" "12345678"`}},
		{"argument too long", "GET 123456789\nGET k\n", []string{`1:5: argument is too long`, `2:1 "GET" "k"`}},
		{"argument far too long", "GET " + long + "\nGET k\n", []string{`1:5: argument is too long`, `2:1 "GET" "k"`}},
		{"quoted argument too long", "GET \"" + long + "\"\nGET k\n", []string{`1:5: argument is too long`, `2:1 "GET" "k"`}},
		{"escapes count as what they stand for", `GET "\x01\x02\x03\x04\x05\x06\x07\x08"`, []string{`1:1 "GET" "\x01\x02\x03\x04\x05\x06\a\b"`}},
		{"JSON argument too long", "[\"GET\",\"123456789\"]\nGET k\n", []string{`1:8: argument is too long`, `2:1 "GET" "k"`}},
		{"base64 counts as what it stands for", `["X",{"base64":"MTIzNDU2Nzg="}]`, []string{`1:1 "X" "12345678"`}},
		{"comments have no limit", "#" + long + "\nGET k\n", []string{`2:1 "GET" "k"`}},
		{"as many arguments as allowed", "A B C\n", []string{`1:1 "A" "B" "C"`}},
		{"too many arguments", "A B C D\n[1,2,3,4]\n", []string{`1:7: too many arguments`, `2:8: too many arguments`}},
		{"command too long", strings.Repeat(`"\x01\x02\x03\x04\x05\x06" `, 2) + "\nGET k\n", []string{`1:1: command is too long`, `2:1 "GET" "k"`}},
		{"heredoc as long as allowed", "SET k <<E\r\n1234567\n\r\nE\r\n", []string{`1:1 "SET" "k" "1234567\n"`}},
		{"heredoc too long", "SET k <<E\n1234\n6789\nE\nGET k\n", []string{`1:7: argument is too long`, `5:1 "GET" "k"`}},
		{"heredoc with a line too long", "SET k <<E\n" + long + "E\nE\nGET k\n", []string{`1:7: argument is too long`, `4:1 "GET" "k"`}},
		{"heredoc too long, never ended", "SET k <<E\n" + long, []string{`1:7: argument is too long`}},
		{"heredoc behind one too long", "A <<B <<C\n" + long + "\nB\nDEL k\nC\nGET k\n", []string{`1:3: argument is too long`, `6:1 "GET" "k"`}},
		{"heredocs together too long", "<<A <<B <<C\n12345678\nA\n12345678\nB\n12345678\nC\nGET k\n", []string{`1:9: command is too long`, `8:1 "GET" "k"`}},
		{"RESP argument too long", "*1\r\n$9\r\n", []string{`fatal 1:1: Protocol error: invalid bulk length`}},
		{"RESP too many arguments", "*4\r\n", []string{`fatal 1:1: Protocol error: invalid multibulk length`}},
		{"RESP request too large", "*3\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n", []string{`fatal 1:1: Protocol error: request is too large`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Early and late detection differ in how much they have seen of the
			// line when they give up, but not in what they say here.
			for how, wrap := range deliveries {
				if got := readAll(t, wrap(strings.NewReader(tt.in)), BatchGrammar, limits); !slices.Equal(got, tt.want) {
					t.Errorf("%s: got\n%s\nwant\n%s", how, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
			}
		})
	}
}

// What is too long is skipped without being kept.
func TestReaderSkipsInBoundedMemory(t *testing.T) {
	const size = 64 << 20
	for name, in := range map[string]struct{ head, tail string }{
		"word":    {"SET k ", "\n"},
		"quoted":  {"SET k \"", "\"\n"},
		"JSON":    {"[\"SET\",\"k\",\"", "\"]\n"},
		"heredoc": {"SET k <<E\n", "\nE\n"},
		"comment": {"#", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			src := io.MultiReader(strings.NewReader(in.head), io.LimitReader(fillReader('x'), size), strings.NewReader(in.tail+"GET k"))
			r := NewReader(src, BatchGrammar)
			r.MaxArg = 1 << 20
			largest := 0
			for {
				c, err := r.Next()
				largest = max(largest, cap(r.buf))
				if err == nil {
					if string(c.Args[1]) != "k" || len(c.Args) != 2 {
						t.Fatalf("the command behind it is %q", c.Args)
					}
					break
				}
				if answer, _ := describe(c, err); !strings.Contains(answer, faultLongArg) {
					t.Fatal(answer)
				}
			}
			if largest > 4*r.MaxArg {
				t.Errorf("the buffer grew to %d bytes for an argument of at most %d", largest, r.MaxArg)
			}
		})
	}
}

// fillReader is an endless source of one byte.
type fillReader byte

func (f fillReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

// A declared length costs nothing before its bytes are there.
func TestReaderDoesNotBelieveLengths(t *testing.T) {
	r := NewReader(strings.NewReader("*16777216\r\n$536870912\r\nabc"), BatchGrammar)
	if _, err := r.Next(); err == nil || !err.(*SyntaxError).Fatal {
		t.Fatal(err)
	}
	if cap(r.buf) != firstBuffer {
		t.Errorf("the buffer grew to %d bytes", cap(r.buf))
	}
}

// The buffer of a huge command is not kept.
func TestReaderGivesLargeBuffersBack(t *testing.T) {
	in := "SET k " + strings.Repeat("x", keepBuffer) + "\n"
	r := NewReader(io.MultiReader(strings.NewReader(in), strings.NewReader("GET k\n")), BatchGrammar)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if cap(r.buf) != firstBuffer {
		t.Errorf("the buffer still has %d bytes", cap(r.buf))
	}
}

// A source's error comes behind the commands before it; then reading goes on
// where it was, which is how a deadline interrupts a wait.
func TestReaderSourceErrors(t *testing.T) {
	src := &script{steps: []any{"\xef\xbb", os.ErrDeadlineExceeded, "\xbfSET a 1\nSET b", os.ErrDeadlineExceeded, " 2\nSET c <<E\nx", os.ErrDeadlineExceeded, "\nE\n*", os.ErrDeadlineExceeded, "1\r\n$4", os.ErrDeadlineExceeded, "\r\nPING\r\n"}}
	got := readAll(t, src, BatchGrammar)
	want := []string{
		"i/o timeout",
		`1:1 "SET" "a" "1"`, "i/o timeout",
		`2:1 "SET" "b" "2"`, "i/o timeout",
		`3:1 "SET" "c" "x"`, "i/o timeout", "i/o timeout",
		`6:1 "PING"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// script is a source that returns strings and errors in turn, an error together
// with the string before it.
type script struct{ steps []any }

func (s *script) Read(p []byte) (n int, err error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	if text, ok := s.steps[0].(string); ok {
		if n = copy(p, text); n < len(text) {
			s.steps[0] = text[n:]
			return n, nil
		}
		s.steps = s.steps[1:]
	}
	if len(s.steps) > 0 {
		if err, ok := s.steps[0].(error); ok {
			s.steps = s.steps[1:]
			return n, err
		}
	}
	return n, nil
}

func TestReaderBadSources(t *testing.T) {
	for _, tt := range []struct {
		src  io.Reader
		want error
	}{
		{badCount(-1), errBadCount},
		{badCount(1 << 30), errBadCount},
		{badCount(0), io.ErrNoProgress},
		{iotest.ErrReader(os.ErrPermission), os.ErrPermission},
	} {
		if _, err := NewReader(tt.src, BatchGrammar).Next(); err != tt.want {
			t.Errorf("got %v, want %v", err, tt.want)
		}
	}
}

// badCount is a source that claims to have read so many bytes.
type badCount int

func (b badCount) Read([]byte) (int, error) { return int(b), nil }

// The arguments stay as they are while Ready reads ahead.
func TestReadyKeepsArguments(t *testing.T) {
	r := NewReader(strings.NewReader("SET a \"1\\n\"\nSET b \"2\\n\"\nSET c 3\n"), BatchGrammar)
	for _, want := range []string{"1\n", "2\n", "3"} {
		c, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.Ready()
		if string(c.Args[2]) != want {
			t.Errorf("got %q, want %q", c.Args[2], want)
		}
	}
}

// Comments and blank lines that wait in the buffer are no command.
func TestReadyIsFalseForComments(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("GET a\n# b\n\nSET c"), iotest.ErrReader(os.ErrDeadlineExceeded)), BatchGrammar)
	if r.Ready() {
		t.Error("ready before anything was read")
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if r.Ready() {
		t.Error("ready with nothing but a comment, a blank line and an unfinished command")
	}
	if r.Offset() != int64(len("GET a\n")) {
		t.Errorf("offset %d includes what Next has not passed", r.Offset())
	}
}

func TestReaderHeredocPrompt(t *testing.T) {
	var tags []string
	var r *Reader
	lines := []string{"MSET a <<A b <<B\n", "x\n", "A\n", "y\n", "B\n", "GET a\n"}
	r = NewReader(readerFunc(func(p []byte) (int, error) {
		if len(lines) == 0 {
			return 0, io.EOF
		}
		tags = append(tags, r.Heredoc())
		n := copy(p, lines[0])
		lines = lines[1:]
		return n, nil
	}), ShellGrammar)
	for {
		if _, err := r.Next(); err != nil {
			break
		}
	}
	if want := []string{"", "A", "A", "B", "B", ""}; !slices.Equal(tags, want) {
		t.Errorf("tags %q, want %q", tags, want)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReaderCRLF(t *testing.T) {
	r := NewReader(strings.NewReader("PING\r\nPING\n*1\r\n$4\r\nPING\r\nPING"), BatchGrammar)
	for i, want := range []bool{true, false, true, false} {
		c, err := r.Next()
		if err != nil || c.CRLF != want {
			t.Errorf("command %d: CRLF %v, %v; want %v", i, c.CRLF, err, want)
		}
	}
}

// Appending to an argument must not run into the next one.
func TestReaderArgumentsAreSeparate(t *testing.T) {
	r := NewReader(strings.NewReader("SET a b\n"), BatchGrammar)
	c, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(c.Args[1], "xxxx"...)
	if string(c.Args[2]) != "b" {
		t.Errorf("the next argument became %q", c.Args[2])
	}
}

func TestReaderAllocatesNothingPerCommand(t *testing.T) {
	for _, text := range []string{
		"SET key:1 value:1\n",
		"SET key:1 \"a\\nb\"\n",
		"SET key:1 <<E\na\nE\n",
		"[\"SET\",\"key:1\",\"a\\u0000\",{\"base64\":\"AP8=\"}]\n",
		"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$1\r\nv\r\n",
		"# comment\n\nPING\r\n",
	} {
		r := NewReader(&repeat{text: []byte(text)}, BatchGrammar)
		next := func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			r.Ready()
		}
		next()
		if n := testing.AllocsPerRun(5000, next); n != 0 {
			t.Errorf("%q: %v allocations per command", text, n)
		}
	}
}
