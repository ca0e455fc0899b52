package batch

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, size := range []int{0, 1, spoolMemory - 1, spoolMemory, spoolMemory + 1, 2*spoolMemory + 7} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		s := &spool{}
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(1<<20))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, err := io.ReadAll(s.reader())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes back, %v", size, len(got), err)
		}
		if (s.file != nil) != (size > spoolMemory) {
			t.Errorf("%d bytes: file %v", size, s.file)
		}
		if s.file != nil {
			s.file.Close()
		}
	}
}

// What cannot be spooled is an error with its reason, not a shorter input.
func TestSpoolWithoutPlace(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	s := &spool{}
	if _, err := s.Write(make([]byte, spoolMemory+1)); err == nil {
		t.Error("no error")
	}
}
