package wire

import (
	"bytes"
	"strings"
	"testing"
)

// repeat is a source that never ends.
type repeat struct {
	text []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	for _, bb := range []struct{ name, line string }{
		{"bare", "SET key:123456 value:123456\n"},
		{"quoted", "SET user:1 \"Alice Liddell\"\n"},
		{"escapes", "SET user:1 \"Alice\\nLiddell\"\n"},
		{"json", "[\"SET\",\"key:123456\",\"value:123456\"]\n"},
		{"resp", "*3\r\n$3\r\nSET\r\n$10\r\nkey:123456\r\n$12\r\nvalue:123456\r\n"},
		{"heredoc", "SET key:123456 <<END\nvalue:123456\nEND\n"},
		{"64KiB", "SET key:123456 " + strings.Repeat("x", 65536) + "\n"},
		{"64KiB quoted", "SET key:123456 \"" + strings.Repeat("x", 65536) + "\"\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := NewReader(&repeat{text: bytes.Repeat([]byte(bb.line), 1000)}, BatchGrammar)
			b.SetBytes(int64(len(bb.line)))
			b.ReportAllocs()
			for b.Loop() {
				if c, err := r.Next(); err != nil || len(c.Args) < 3 {
					b.Fatal(err)
				}
				r.Ready()
			}
		})
	}
}

func BenchmarkRenderers(b *testing.B) {
	reply := BulkString("value:123456")
	for _, bb := range []struct {
		name   string
		append func(dst []byte) []byte
	}{
		{"plain", func(dst []byte) []byte { return AppendPlain(dst, &reply) }},
		{"plain status", func(dst []byte) []byte { return AppendPlain(dst, &OK) }},
		{"json", func(dst []byte) []byte { return AppendJSON(dst, &reply, "", 123456) }},
		{"raw", func(dst []byte) []byte { return AppendRaw(dst, &reply, "\n") }},
		{"resp2", func(dst []byte) []byte { return AppendRESP2(dst, &reply) }},
		{"quoted", func(dst []byte) []byte { return AppendQuoted(dst, reply.Str) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = bb.append(dst[:0])
			}
		})
	}
}
