package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns what a Reader makes of an input, one line per answer:
// `line:column "arg" "arg"` or `line:column: message`.
func readAll(r *Reader) []string {
	var got []string
	for {
		c, err := r.Next()
		var syntax *SyntaxError
		switch {
		case err == io.EOF:
			return got
		case errors.As(err, &syntax) && syntax.Fatal:
			got = append(got, "fatal "+syntax.Error())
		case err != nil:
			got = append(got, err.Error())
		default:
			s := fmt.Sprintf("%d:%d", c.Line, c.Column)
			for _, a := range c.Args {
				s += fmt.Sprintf(" %q", a)
			}
			got = append(got, s)
		}
	}
}

func TestReader(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"words", "SET k v\nGET k\n", []string{`1:1 "SET" "k" "v"`, `2:1 "GET" "k"`}},
		{"last line without end", "GET k", []string{`1:1 "GET" "k"`}},
		{"CRLF", "SET k v\r\nGET k\r\n", []string{`1:1 "SET" "k" "v"`, `2:1 "GET" "k"`}},
		{"last CR", "GET k\r", []string{`1:1 "GET" "k"`}},
		{"CR inside a word", "GET a\rb\r\r\n", []string{`1:1 "GET" "a\rb\r"`}},
		{"blanks", " \t SET\tk  v \n", []string{`1:4 "SET" "k" "v"`}},
		{"nothing", "", nil},
		{"blank lines", "\n \n\t\r\n\r\nGET k\n", []string{`5:1 "GET" "k"`}},
		{"comments", "# a\nGET k # b\n  # c\n#", []string{`2:1 "GET" "k" "#" "b"`}},
		{"byte order mark", "\ufeffGET k\n\ufeffGET k\n", []string{`1:1 "GET" "k"`, `2:1 "\ufeffGET" "k"`}},
		{"part of a byte order mark", "\xef\xbb", []string{`1:1 "\xef\xbb"`}},

		{"double quotes", `SET k "a b"`, []string{`1:1 "SET" "k" "a b"`}},
		{"escapes", `ECHO "\n\r\t\b\a\\\"\x00\xFf\q\x4"`, []string{`1:1 "ECHO" "\n\r\t\b\a\\\"\x00\xffqx4"`}},
		{"empty words", `SET "" ''`, []string{`1:1 "SET" "" ""`}},
		{"single quotes", `ECHO 'it\'s \n "so" \'`, []string{`1:6: unterminated quote`}},
		{"quote inside a word", `SET it's {"a":1} a"b"`, []string{`1:1 "SET" "it's" "{\"a\":1}" "a\"b\""`}},
		{"heredoc", "SET k <<END\na\n b\nEND\nGET k\n", []string{`1:1 "SET" "k" "a\n b"`, `5:1 "GET" "k"`}},
		{"json", `["SET", "k\n" ,1.50,{"base64":"AP8="}, "\ud83d\ude00\u00e9"]`, []string{`1:1 "SET" "k\n" "1.50" "\x00\xff" "😀é"`}},
		{"resp", "*2\r\n$3\r\nGET\r\n$1\r\n\n\r\nGET k\n", []string{`1:1 "GET" "\n"`, `7:1 "GET" "k"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				got := readAll(NewReader(src, BatchGrammar))
				if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
			}
		})
	}
}
