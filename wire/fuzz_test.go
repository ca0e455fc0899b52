package wire

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzReader reads any input whole and in pieces, and with low limits: the
// answers must not depend on how it arrives. Run it with -fuzzminimizetime 1s:
// minimising what is merely interesting takes most of the time otherwise.
func FuzzReader(f *testing.F) {
	for _, tt := range readerTests {
		f.Add([]byte(tt.in), byte(BatchGrammar))
	}
	f.Add([]byte("SET k <<E\r\n\xff\r\nE\r\n*1\r\n$4\r\nPING\r\n[\"X\",1]\n"), byte(ShellGrammar))
	f.Fuzz(func(t *testing.T, in []byte, g byte) {
		grammar := Grammar(g) & BatchGrammar
		want := readAll(t, bytes.NewReader(in), grammar)
		for how, wrap := range deliveries {
			if got := readAll(t, wrap(bytes.NewReader(in)), grammar); !slices.Equal(got, want) {
				t.Fatalf("%s: got %q\nwant %q", how, got, want)
			}
		}
		low := Limits{MaxArg: 8, MaxArgs: 3, MaxCommand: 24}
		readAll(t, bytes.NewReader(in), grammar, low)
		readAll(t, iotest.OneByteReader(bytes.NewReader(in)), grammar, low)
		// What is too long may be noticed early or late, at the cost of the same
		// line. (The heredocs of a line that is given up early are not known.)
		whole := onlyCommands(readAll(t, bytes.NewReader(in), grammar&^Heredocs, low))
		pieces := onlyCommands(readAll(t, iotest.OneByteReader(bytes.NewReader(in)), grammar&^Heredocs, low))
		if !slices.Equal(whole, pieces) {
			t.Fatalf("with limits: got %q\nwant %q", pieces, whole)
		}
	})
}

// onlyCommands leaves out what readAll says about errors.
func onlyCommands(answers []string) []string {
	return slices.DeleteFunc(answers, func(a string) bool { return !strings.HasSuffix(a, `"`) })
}

// FuzzRequest parses any bytes at once and byte by byte.
func FuzzRequest(f *testing.F) {
	for _, tt := range requestTests {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if whole, pieces := parseWhole(string(in)), parsePieces(string(in)); whole != pieces {
			t.Fatalf("at once %s, byte by byte %s", whole, pieces)
		}
		args, n, err := NewRequest(testLimits).Parse(in)
		if err == nil && len(args) > 0 && !bytes.Equal(AppendRequest(nil, args), in[:n]) {
			t.Fatalf("%q is written as %q", in[:n], AppendRequest(nil, args))
		}
	})
}

// FuzzReply reads any bytes as replies; what is one renders in every format and
// reads back equal.
func FuzzReply(f *testing.F) {
	for _, tt := range replyTests {
		if len(tt.in) < 1000 {
			f.Add([]byte(tt.in))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newTestReplyReader(bytes.NewReader(in))
		pieces := newTestReplyReader(iotest.OneByteReader(bytes.NewReader(in)))
		for range len(in) + 1 {
			reply, err := r.Read()
			again, againErr := pieces.Read()
			if (err == nil) != (againErr == nil) || err == nil && !equalReplies(&reply, &again) {
				t.Fatalf("whole: %+v, %v; in pieces: %+v, %v", reply, err, again, againErr)
			}
			if err != nil {
				return
			}
			checkRenderers(t, &reply)
		}
		t.Fatal("Read does not advance")
	})
}

func checkRenderers(t *testing.T, r *Reply) {
	AppendPlain(nil, r)
	AppendLines(nil, r)
	AppendJSON(nil, r, "f", 1)
	AppendRaw(nil, r, "\n")
	back := newTestReplyReader(bytes.NewReader(AppendRESP3(nil, r)))
	if got, err := back.Read(); err != nil || !bytes.Equal(AppendRESP3(nil, &got), AppendRESP3(nil, r)) {
		t.Fatalf("%+v reads back as %+v, %v", r, got, err)
	}
	if _, err := back.Read(); err != io.EOF {
		t.Fatalf("%+v has bytes behind it: %v", r, err)
	}
}
