package command

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// dumpValues have every way in which Redis writes a string: integers of three sizes,
// lengths of three sizes, compressed with literals, short and long references.
func dumpValues() [][]byte {
	values := [][]byte{}
	for _, text := range []string{"", "0", "-1", "127", "128", "-128", "-129", "32767", "32768", "-32769", "2147483647", "2147483648", "-2147483648",
		"-2147483649", "007", "-0", "text", strings.Repeat("a", 21), strings.Repeat("a", 300), strings.Repeat("ab", 5000), strings.Repeat("x", 1<<20)} {
		values = append(values, []byte(text))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{20, 21, 63, 64, 300, 16383, 16384, 70_000} {
		noise, sparse, phrases := make([]byte, n), make([]byte, n), []byte{}
		for i := range n {
			noise[i] = byte(r.Uint32())
			if r.IntN(10) == 0 {
				sparse[i] = noise[i]
			}
		}
		for len(phrases) < n {
			from := r.IntN(len(noise))
			phrases = append(phrases, noise[from:min(from+3+r.IntN(30), n)]...)
		}
		values = append(values, noise, sparse, phrases)
	}
	return values
}

// What DUMP answers here is restored by a real server, and the other way round.
func TestDumpRestore(t *testing.T) {
	theirs := startOracle(t, 1).conns[0]
	ours := newSession(open(t, engine.Options{}), Options{})
	ask := func(args ...[]byte) wire.Reply { return redistest.Parse(t, theirs.Ask(t, args)) }
	word := func(s string) []byte { return []byte(s) }
	for _, value := range dumpValues() {
		ours.Do([][]byte{word("SET"), word("k"), value})
		here := bytes.Clone(ours.Do(words("DUMP k")).Str)
		ask(word("RESTORE"), word("k"), word("0"), here, word("REPLACE"))
		if got := ask(word("GET"), word("k")); !bytes.Equal(got.Str, value) {
			t.Errorf("a value of %d bytes arrived there as %d: %.40q, %.40q", len(value), len(got.Str), value, got.Str)
		}
		ask(word("SET"), word("k"), value)
		there := ask(word("DUMP"), word("k"))
		ours.Do(words("DEL k"))
		if r := ours.Do([][]byte{word("RESTORE"), word("k"), word("0"), there.Str}); show(r) != "OK" {
			t.Errorf("a value of %d bytes: %s", len(value), show(r))
		}
		if got := ours.Do(words("GET k")); !bytes.Equal(got.Str, value) {
			t.Errorf("a value of %d bytes arrived here as %d: %.40q, %.40q", len(value), len(got.Str), value, got.Str)
		}
	}
}

// sealed completes the body of a payload.
func sealed(body []byte) []byte {
	p := binary.LittleEndian.AppendUint16(bytes.Clone(body), rdbVersion)
	return binary.LittleEndian.AppendUint64(p, rdbChecksum(p))
}

func TestRestoreRefuses(t *testing.T) {
	list := "\x12\x01\x02\x09\x09\x00\x00\x00\x01\x00\x81a\x02\xff" // what Redis 7.0 writes for RPUSH of "a"
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"nothing":                    {"", errPayloadData},
		"a list":                     {list, errPayloadData},
		"no length":                  {"\x00", errPayloadData},
		"half a length":              {"\x00\x40", errPayloadData},
		"a length of no kind":        {"\x00\x82abc", errPayloadData},
		"a length too large":         {"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff", errPayloadData},
		"a string too short":         {"\x00\x04abc", errPayloadData},
		"half an integer":            {"\x00\xc2\x01", errPayloadData},
		"an encoding of no kind":     {"\x00\xc4\x01", errPayloadData},
		"compressed: nothing":        {"\x00\xc3", errPayloadData},
		"compressed: too short":      {"\x00\xc3\x04\x04\x03ab", errPayloadData},
		"compressed: other length":   {"\x00\xc3\x04\x04\x02abc", errPayloadData},
		"compressed: from before":    {"\x00\xc3\x04\x05\x00a\x20\x01", errPayloadData},
		"compressed: half reference": {"\x00\xc3\x03\x05\x00a\x20", errPayloadData},
		"compressed: no length":      {"\x00\xc3\x03\x05\x00a\xe0", errPayloadData},
		"compressed: huge":           {"\x00\xc3\x02\x81\x00\x00\x00\xff\x00\x00\x00\x00\x00a", errPayloadData},
		"more behind it":             {"\x00\x03abcdef", nil},
	} {
		if got, err := appendRestored(nil, sealed([]byte(c.body))); err != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A string is read whatever version the payload says, up to that of Valkey 9.
func TestRestoreVersions(t *testing.T) {
	for version, want := range map[uint16]error{1: nil, 6: nil, 10: nil, 11: nil, 12: nil, rdbMaxVersion: nil, rdbMaxVersion + 1: errPayload} {
		p := binary.LittleEndian.AppendUint16([]byte("\x00\x01v"), version)
		p = binary.LittleEndian.AppendUint64(p, rdbChecksum(p))
		if got, err := appendRestored(nil, p); err != want || err == nil && string(got) != "v" {
			t.Errorf("version %d: %q, %v", version, got, err)
		}
	}
}

// FuzzRestore: no payload with a right checksum makes RESTORE panic or take much
// more memory than it has bytes, and what DUMP makes of the result gives it again.
func FuzzRestore(f *testing.F) {
	f.Add([]byte("\x00\x03abc"))
	f.Add([]byte("\x00\xc1\x39\x30"))
	f.Add([]byte("\x00\xc3\x08\x16\x02abc\xe0\x0a\x00\x00c"))
	f.Add([]byte("\x00\xc3\x04\x81\x00\x00\x00\x00\x1f\xff\xff\xff\x00a\xe0\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := appendRestored(nil, sealed(body))
		if err != nil {
			return
		}
		if len(value) > 264*len(body) {
			t.Errorf("%d bytes became %d", len(body), len(value))
		}
		again, err := appendRestored(nil, appendPayload(nil, value))
		if err != nil || !bytes.Equal(again, value) {
			t.Errorf("%q: %q, %v", value, again, err)
		}
	})
}
