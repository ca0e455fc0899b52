package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// recordOf is a record with these flags and lengths.
func recordOf(kind, flags byte, key, value int) record {
	r := record{kind: kind, flags: flags, key: bytes.Repeat([]byte{'k'}, key), value: bytes.Repeat([]byte{0xff}, value)}
	if flags&flagExpire != 0 {
		r.expire = 1_700_000_000_123
	}
	if flags&flagWas != 0 {
		r.was = -1
	}
	if flags&flagWasFile != 0 {
		r.wasFile = 1<<63 + 8
	}
	return r
}

func sameRecord(a, b record) bool {
	return a.kind == b.kind && a.flags == b.flags && a.expire == b.expire && a.was == b.was && a.wasFile == b.wasFile &&
		bytes.Equal(a.key, b.key) && bytes.Equal(a.value, b.value)
}

// checkRecord encodes a record behind something else, and expects it back.
func checkRecord(t interface{ Fatalf(string, ...any) }, addr uint64, r record) {
	b := appendRecord([]byte("before"), addr, &r)[len("before"):]
	if len(b) != recordSize(&r) || len(b)%recordAlign != 0 {
		t.Fatalf("%+.60v takes %d bytes, recordSize says %d", r, len(b), recordSize(&r))
	}
	var got record
	err := got.load(append(b, 0xaa, 0xbb, 0xcc), addr)
	if err != nil || !sameRecord(got, r) || got.size != len(b) {
		t.Fatalf("%+.60v came back as %+.60v of %d bytes, %v", r, got, got.size, err)
	}
	if cap(got.key) != len(got.key) || cap(got.value) != len(got.value) {
		t.Fatalf("appending to a key or value would overwrite the log")
	}
}

// TestRecordLengths goes through all flags, and lengths on both sides of what changes the
// length of a length (128, 16384) and the padding (8).
func TestRecordLengths(t *testing.T) {
	lengths := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 120, 127, 128, 129, 16383, 16384}
	for flags := range byte(knownFlags + 1) {
		for _, key := range lengths {
			for _, value := range lengths {
				checkRecord(t, 1<<24+64, recordOf(kindValue+1, flags, key, value))
			}
		}
	}
	checkRecord(t, 1<<24+64, recordOf(kindValue+1, knownFlags, MaxKey, 1<<20))
	for _, kind := range []byte{kindCommit, kindDelete, kindClear, kindAbort, kindSummary, kindValue, 255} {
		checkRecord(t, 64, recordOf(kind, 0, 3, 5))
	}
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flags := rapid.ByteRange(0, knownFlags).Draw(t, "flags")
		r := record{
			kind:  rapid.ByteRange(kindValue, 255).Draw(t, "kind"),
			flags: flags,
			key:   rapid.SliceOf(rapid.Byte()).Draw(t, "key"),
			value: rapid.SliceOf(rapid.Byte()).Draw(t, "value"),
		}
		if flags&flagExpire != 0 {
			r.expire = rapid.Int64().Draw(t, "expire")
		}
		if flags&flagWas != 0 {
			r.was = rapid.Int64().Draw(t, "was")
		}
		if flags&flagWasFile != 0 {
			r.wasFile = rapid.Uint64().Draw(t, "wasFile")
		}
		checkRecord(t, rapid.Uint64().Draw(t, "addr")&^7, r)
	})
}

// TestRecordSizes pins down a few sizes: they are the cost of a key in the log.
func TestRecordSizes(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    record
		want int
	}{
		{"16-byte key and value", recordOf(kindValue+1, 0, 16, 16), 40},
		{"with expiry", recordOf(kindValue+1, flagExpire, 16, 16), 48},
		{"deletion of a 16-byte key", recordOf(kindDelete, 0, 16, 0), 24},
		{"clear", recordOf(kindClear, 0, 0, 0), minRecord},
		{"abort", recordOf(kindAbort, 0, 0, 8), abortRecord},
		{"commit", recordOf(kindCommit, 0, 0, commitValue), commitRecord},
	} {
		if n := recordSize(&tt.r); n != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, n, tt.want)
		}
	}
}

// TestRecordDamage flips every bit of some records, cuts them everywhere and puts them
// somewhere else: none of it passes.
func TestRecordDamage(t *testing.T) {
	const addr = 1<<24 + 4096
	for flags := range byte(knownFlags + 1) {
		r := recordOf(kindValue+1, flags, 5, 130)
		b := appendRecord(nil, addr, &r)
		more := append(bytes.Clone(b), make([]byte, 1<<15)...)
		for bit := range len(b) * 8 {
			more[bit/8] ^= 1 << (bit % 8)
			if new(record).load(more, addr) == nil {
				t.Errorf("flags %#x: bit %d flipped, and no error", flags, bit)
			}
			more[bit/8] ^= 1 << (bit % 8)
		}
		for n := range len(b) {
			if new(record).load(b[:n:n], addr) == nil {
				t.Errorf("flags %#x: cut to %d of %d bytes, and no error", flags, n, len(b))
			}
		}
		for _, other := range []uint64{addr + 8, addr - 8, addr + 1<<24, addr ^ 1<<34, 0} {
			if err := new(record).load(b, other); !errors.Is(err, errChecksum) {
				t.Errorf("flags %#x: moved to %#x: %v", flags, other, err)
			}
		}
	}
}

// seal puts the right checksum on what is at the start of b, if it can be decoded at all.
func seal(b []byte, addr uint64) {
	if r := (record{}); r.decode(b) == nil {
		binary.LittleEndian.PutUint32(b, recordCRC(addr, b[:r.size]))
	}
}

func TestRecordRefused(t *testing.T) {
	raw := func(kind, flags byte, rest ...byte) []byte {
		b := make([]byte, 64)
		b[4], b[5] = kind, flags
		copy(b[6:], rest)
		seal(b, 0)
		return b
	}
	long := recordOf(kindValue, 0, MaxKey+1, 0)
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, errNoRecord},
		{"seven bytes", make([]byte, 7), errNoRecord},
		{"zeros", make([]byte, 64), errNoRecord},
		{"kind 0", raw(0, 0, 1, 1), errNoRecord},
		{"unknown kind", raw(kindSummary+1, 0, 1, 1), errUnknown},
		{"last unknown kind", raw(kindValue-1, 0, 1, 1), errUnknown},
		{"unknown flag", raw(kindValue, knownFlags+1, 1, 1), errUnknown},
		{"longer than there is", raw(kindValue, 0, 40, 40), errBadRecord},
		{"key over MaxKey", appendRecord(nil, 0, &long), errBadRecord},
		{"endless key length", raw(kindValue, 0, bytes.Repeat([]byte{0xff}, 58)...), errBadRecord},
		{"endless value length", raw(kindValue, 0, append([]byte{1}, bytes.Repeat([]byte{0x80}, 57)...)...), errBadRecord},
		{"value length near 2^64", raw(kindValue, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), errBadRecord},
	} {
		if err := new(record).load(tt.b, 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// FuzzRecord: whatever the bytes, decoding neither panics nor returns anything from
// outside of them, and what has the right checksum can be encoded again.
func FuzzRecord(f *testing.F) {
	for flags := range byte(knownFlags + 1) {
		r := recordOf(kindValue+1, flags, 3, 20)
		f.Add(appendRecord(nil, 64, &r))
	}
	for _, kind := range []byte{kindCommit, kindDelete, kindClear, kindAbort, kindSummary} {
		r := recordOf(kind, 0, 0, commitValue)
		f.Add(appendRecord(nil, 64, &r))
	}
	f.Add(append([]byte{0, 0, 0, 0, kindValue, 0xff}, bytes.Repeat([]byte{0xff}, 20)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		seal(b, 64)
		var r record
		err := r.load(b, 64)
		if err != nil {
			return
		}
		if r.size < minRecord || r.size > len(b) || r.size%recordAlign != 0 {
			t.Fatalf("a record of %d bytes in %d", r.size, len(b))
		}
		checkRecord(t, 64, r)
	})
}

func TestCommitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int64 { return rapid.Int64().Draw(t, name) }
		want := commit{
			chain:    rapid.Uint32().Draw(t, "chain"),
			counters: counters{keys: n("keys"), expiring: n("expiring"), bytes: n("bytes"), summary: uint64(n("summary"))},
			synced:   uint64(n("synced")),
			time:     n("time"),
		}
		var b [commitValue]byte
		want.encode(&b)
		if got, err := decodeCommit(b[:]); err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
	for n := range 100 {
		if _, err := decodeCommit(make([]byte, n)); (err == nil) != (n == commitValue) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
