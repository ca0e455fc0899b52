package repl

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/nubdb/nubdb/wire"
)

func TestReplies(t *testing.T) {
	bulk := wire.BulkString
	for _, test := range []struct {
		name  string
		reply wire.Reply
		want  []string
	}{
		{"none", wire.None, nil},
		{"status", wire.OK, []string{`OK`}},
		{"integer", wire.Integer(-5), []string{`(integer) -5`}},
		{"double", wire.Reply{Kind: wire.KindDouble, Float: 3.25}, []string{`(double) 3.25`}},
		{"infinity", wire.Reply{Kind: wire.KindDouble, Float: math.Inf(-1)}, []string{`(double) -inf`}},
		{"true", wire.Reply{Kind: wire.KindBool, Int: 1}, []string{`(true)`}},
		{"false", wire.Reply{Kind: wire.KindBool}, []string{`(false)`}},
		{"big number", wire.Reply{Kind: wire.KindBigNumber, Str: []byte("123456789012345678901")}, []string{`(big number) 123456789012345678901`}},
		{"nil", wire.Nil, []string{`(nil)`}},
		{"aborted EXEC", wire.NilArray, []string{`(nil)`}},
		{"error", wire.Error("ERR syntax error"), []string{`(error) ERR syntax error`}},
		{"error that ends in a blank", wire.Error("ERR beginning with: "), []string{`(error) ERR beginning with:`}},
		{"error with a client's bytes", wire.Error("ERR unknown command '\x1b[2Jé\xff'"), []string{`(error) ERR unknown command '\x1b[2Jé\xff'`}},

		{"string", bulk("Alice"), []string{`"Alice"`}},
		{"empty string", bulk(""), []string{`""`}},
		{"quotes", bulk(`say "hi" \o/`), []string{`"say \"hi\" \\o/"`}},
		{"UTF-8", bulk("Zoë 日本 🙂"), []string{`"Zoë 日本 🙂"`}},
		{"control characters", bulk("a\n\t\r\a\b\x00\x1b[31m\x7f"), []string{`"a\n\t\r\a\b\x00\x1b[31m\x7f"`}},
		{"C1 control", bulk("a\u009b31m"), []string{`"a\xc2\x9b31m"`}},
		{"direction override", bulk("a\u202eb"), []string{`"a\xe2\x80\xaeb"`}},
		{"not UTF-8", bulk("a\xff\xe6\x97b"), []string{`"a\xff\xe6\x97b"`}},
		{"replacement character", bulk("\ufffd"), []string{"\"\ufffd\""}},

		{"text", wire.Reply{Kind: wire.KindVerbatim, Str: []byte("GET key\n  Returns")}, []string{`GET key`, `  Returns`}},
		{"text with CR LF", wire.Reply{Kind: wire.KindVerbatim, Str: []byte("# Server\r\nport:0\r\n")}, []string{`# Server`, `port:0`}},
		{"text with escapes", wire.Reply{Kind: wire.KindVerbatim, Str: []byte("a\x1b[2J\tb")}, []string{"a\\x1b[2J\tb"}},

		{"array", wire.Array(bulk("a"), wire.Integer(2), wire.Nil, wire.OK, wire.Error("ERR no")),
			[]string{`1) "a"`, `2) (integer) 2`, `3) (nil)`, `4) OK`, `5) (error) ERR no`}},
		{"empty array", wire.Array(), []string{`(empty array)`}},
		{"ten elements", wire.Array(bulk("a"), bulk("b"), bulk("c"), bulk("d"), bulk("e"), bulk("f"), bulk("g"), bulk("h"), bulk("i"), bulk("j")),
			[]string{` 1) "a"`, ` 2) "b"`, ` 3) "c"`, ` 4) "d"`, ` 5) "e"`, ` 6) "f"`, ` 7) "g"`, ` 8) "h"`, ` 9) "i"`, `10) "j"`}},
		{"nested arrays", wire.Array(wire.Integer(1), wire.Array(bulk("a"), wire.Array(bulk("b"), bulk("c"))), wire.Array(), bulk("d")),
			[]string{`1) (integer) 1`, `2) 1) "a"`, `   2) 1) "b"`, `      2) "c"`, `3) (empty array)`, `4) "d"`}},
		{"push", wire.Reply{Kind: wire.KindPush, Elems: []wire.Reply{bulk("message"), bulk("news")}}, []string{`1) "message"`, `2) "news"`}},
		{"set", wire.Reply{Kind: wire.KindSet, Elems: []wire.Reply{bulk("a"), bulk("b")}}, []string{`1~ "a"`, `2~ "b"`}},
		{"empty set", wire.Reply{Kind: wire.KindSet}, []string{`(empty set)`}},
		{"map", wire.Reply{Kind: wire.KindMap, Elems: []wire.Reply{bulk("k"), bulk("v"), bulk("n"), wire.Integer(1)}},
			[]string{`1# "k" => "v"`, `2# "n" => (integer) 1`}},
		{"map of arrays", wire.Reply{Kind: wire.KindMap, Elems: []wire.Reply{bulk("k"), wire.Array(bulk("a"), bulk("b")), bulk("l"), wire.Nil}},
			[]string{`1# "k" => 1) "a"`, `   2) "b"`, `2# "l" => (nil)`}},
		{"empty map", wire.Reply{Kind: wire.KindMap}, []string{`(empty hash)`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.Join(test.want, "\n")
			if len(test.want) > 0 {
				want += "\n"
			}
			if got := string(appendReply(nil, &test.reply)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// A value on the screen can be typed: it reads back equal.
func TestStringsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		if rapid.Bool().Draw(t, "text") {
			value = []byte(rapid.String().Draw(t, "text value"))
		}
		shown := appendString(nil, value)
		if !utf8.Valid(shown) || bytes.ContainsFunc(shown, unicode.IsControl) {
			t.Fatalf("%q is not for a terminal", shown)
		}
		cmd, err := wire.NewReader(strings.NewReader("ECHO "+string(shown)+"\n"), wire.ShellGrammar).Next()
		if err != nil || len(cmd.Args) != 2 || !bytes.Equal(cmd.Args[1], value) {
			t.Fatalf("%q is shown as %s, which reads as %v, %v", value, shown, cmd, err)
		}
	})
}
