package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// word makes arguments that are likely to hit a corner of the grammar.
func word() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SampledFrom([][]byte{
			[]byte(" "), []byte("\t"), []byte("\n"), []byte("\r\n"), []byte("\x00"), []byte(`"`), []byte("'"), []byte(`\`),
			[]byte("<<"), []byte("#"), []byte("["), []byte("*1"), []byte("("), []byte(byteOrderMark), []byte("é"), []byte("\xff"), []byte("\xed\xa0\x80"), []byte("x41"),
		}),
		rapid.SliceOfN(rapid.Byte(), 1, 8),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(p [][]byte) []byte { return bytes.Join(p, nil) })
}

func command() *rapid.Generator[[][]byte] { return rapid.SliceOfN(word(), 1, 5) }

// appendTextLine, appendJSONLine and AppendRequest are the ways to write a command.
func appendTextLine(dst []byte, args [][]byte) []byte {
	for i, a := range args {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = AppendQuoted(dst, a)
	}
	return append(dst, '\n')
}

func appendJSONLine(dst []byte, args [][]byte) []byte {
	values := make([]Reply, len(args))
	for i, a := range args {
		values[i] = Bulk(a)
	}
	return append(appendJSONArray(dst, values), '\n')
}

// appendEncodingJSON writes what another program's JSON library would.
func appendEncodingJSON(dst []byte, args [][]byte) []byte {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = string(a)
		if !utf8.Valid(a) {
			values[i] = map[string]string{"base64": base64.StdEncoding.EncodeToString(a)}
		}
	}
	line, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return append(append(dst, line...), '\n')
}

// chunks is a source that hands out its bytes in drawn pieces.
type chunks struct {
	t    *rapid.T
	data []byte
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:rapid.IntRange(0, min(len(c.data), 40)).Draw(c.t, "chunk")])
	c.data = c.data[n:]
	if len(c.data) == 0 && rapid.Bool().Draw(c.t, "EOF with bytes") {
		return n, io.EOF
	}
	return n, nil
}

// Whatever the bytes and the way to write them, a command reads back equal.
func TestCommandsReadBackEqual(t *testing.T) {
	writers := map[string]func(dst []byte, args [][]byte) []byte{
		"text": appendTextLine, "JSON": appendJSONLine, "encoding/json": appendEncodingJSON, "RESP": AppendRequest,
	}
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOfN(command(), 0, 5).Draw(t, "commands")
		var input []byte
		for _, args := range commands {
			how := rapid.SampledFrom([]string{"text", "JSON", "encoding/json", "RESP"}).Draw(t, "how")
			input = writers[how](input, args)
		}
		r := NewReader(&chunks{t, input}, BatchGrammar)
		r.firstBuffer = 8
		for _, want := range commands {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("%q: %v", want, err)
			}
			if !slices.EqualFunc(got.Args, want, bytes.Equal) {
				t.Fatalf("got %q, want %q", got.Args, want)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// A heredoc is any bytes without a line that is its tag.
func TestHeredocsReadBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := word().Draw(t, "body")
		if slices.ContainsFunc(bytes.Split(body, []byte{'\n'}), func(line []byte) bool { return string(trimCR(line)) == "T" }) {
			t.Skip("has the tag")
		}
		input := slices.Concat([]byte("SET k <<T\n"), body, []byte("\nT\n"))
		got, err := NewReader(&chunks{t, input}, BatchGrammar).Next()
		if err != nil || !bytes.Equal(got.Args[2], body) {
			t.Fatalf("got %q, %v; want %q", got.Args, err, body)
		}
	})
}

func TestQuotedWordsAreOneCleanWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := AppendQuoted(nil, word().Draw(t, "word"))
		if !utf8.Valid(q) || slices.ContainsFunc(q, isControl) {
			t.Fatalf("%q has control characters or is not UTF-8", q)
		}
	})
}

// reply makes replies of all kinds that RESP3 can carry and that survive it.
func reply(depth int) *rapid.Generator[Reply] {
	ofString := func(kind Kind, g *rapid.Generator[[]byte]) *rapid.Generator[Reply] {
		return rapid.Map(g, func(b []byte) Reply { return Reply{Kind: kind, Str: b} })
	}
	line := rapid.Map(word(), func(b []byte) []byte { return appendUnbroken([]byte{}, b) })
	kinds := []*rapid.Generator[Reply]{
		ofString(KindBulk, word()), ofString(KindVerbatim, word()), ofString(KindStatus, line), ofString(KindError, line),
		rapid.Map(rapid.Int64(), Integer),
		rapid.Map(rapid.Float64(), double),
		rapid.Map(rapid.Int64Range(0, 1), boolean),
		rapid.Map(rapid.Int64(), func(n int64) Reply { return big(fmt.Sprint(n)) }),
		rapid.Just(Nil),
	}
	if depth > 0 {
		for _, kind := range []Kind{KindArray, KindSet, KindPush, KindMap} {
			kinds = append(kinds, rapid.Map(rapid.SliceOfN(reply(depth-1), 0, 4), func(e []Reply) Reply {
				if kind == KindMap && len(e)%2 == 1 {
					e = e[1:]
				}
				return Reply{Kind: kind, Elems: e}
			}))
		}
	}
	return rapid.OneOf(kinds...)
}

func TestRepliesReadBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replies := rapid.SliceOfN(reply(2), 0, 4).Draw(t, "replies")
		var stream []byte
		for i := range replies {
			stream = AppendRESP3(stream, &replies[i])
		}
		r := NewReplyReader(&chunks{t, stream})
		for i := range replies {
			got, err := r.Read()
			if err != nil || !equalReplies(&got, &replies[i]) {
				t.Fatalf("got %+v, %v; want %+v", got, err, replies[i])
			}
		}
	})
}

func equalReplies(a, b *Reply) bool {
	sameFloat := a.Float == b.Float || a.Float != a.Float && b.Float != b.Float // NaN
	return a.Kind == b.Kind && a.Int == b.Int && sameFloat && bytes.Equal(a.Str, b.Str) &&
		slices.EqualFunc(a.Elems, b.Elems, func(a, b Reply) bool { return equalReplies(&a, &b) })
}

// RESP2 is what RESP3 says in fewer kinds: it decodes, and shows the same plain line.
func TestRESP2SaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := reply(2).Draw(t, "reply")
		got, err := NewReplyReader(bytes.NewReader(AppendRESP2(nil, &want))).Read()
		if err != nil {
			t.Fatal(err)
		}
		if g, w := AppendRaw(nil, &got, ";"), AppendRaw(nil, &want, ";"); !bytes.Equal(g, w) {
			t.Fatalf("got %q, want %q", g, w)
		}
	})
}

func TestPlainIsOneCleanLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reply(2).Draw(t, "reply")
		line, found := strings.CutSuffix(string(AppendPlain(nil, &r)), "\n")
		clean := strings.ReplaceAll(line, "\t", "")
		if !found || !utf8.ValidString(line) || strings.ContainsFunc(clean, func(c rune) bool { return c < ' ' || c == 0x7F }) {
			t.Fatalf("%q", line)
		}
		if r.Kind == KindArray && len(r.Elems) > 0 && !slices.ContainsFunc(r.Elems, func(e Reply) bool { return e.isAggregate() }) {
			if n := strings.Count(line, "\t") + 1; n != len(r.Elems) {
				t.Fatalf("%q has %d elements, not %d", line, n, len(r.Elems))
			}
		}
	})
}

// A string that stands alone on a plain line reads back through the text grammar
// if it is quoted, and is the line otherwise.
func TestPlainStringsReadBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := word().Draw(t, "string")
		r := Bulk(want)
		got := bytes.TrimSuffix(AppendPlain(nil, &r), []byte{'\n'})
		if bytes.HasPrefix(got, []byte{'"'}) {
			c, err := NewReader(bytes.NewReader(got), 0).Next()
			if err != nil || len(c.Args) != 1 {
				t.Fatalf("%q is not one word: %v", got, err)
			}
			got = c.Args[0]
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// Every JSON line is one valid line that holds exactly the reply's bytes.
func TestJSONHoldsTheBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reply(2).Draw(t, "reply")
		file := rapid.String().Draw(t, "file")
		out := AppendJSON(nil, &r, file, 7)
		line, found := bytes.CutSuffix(out, []byte{'\n'})
		if !found || bytes.IndexByte(line, '\n') >= 0 || !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("%q is not one line of JSON", out)
		}
		var object struct {
			Line  int
			Value any
			Error *struct{ Code, Message string }
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&object); err != nil || object.Line != 7 || (object.Error != nil) != r.IsError() {
			t.Fatalf("%q: %v", line, err)
		}
		if r.Kind == KindBulk && decodeJSONString(object.Value) != string(r.Str) {
			t.Fatalf("got %v, want %q", object.Value, r.Str)
		}
	})
}

func decodeJSONString(v any) string {
	if o, ok := v.(map[string]any); ok {
		b, _ := base64.StdEncoding.DecodeString(o["base64"].(string))
		return string(b)
	}
	return v.(string)
}
