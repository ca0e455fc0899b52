package batch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pipes(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func stopped(t *testing.T) *stopper {
	s := newStopper(0, nil)
	t.Cleanup(s.close)
	return s
}

func TestReadEndsWhenStopped(t *testing.T) {
	r, w := pipes(t)
	stop := stopped(t)
	d := newDescriptor(r, stop)
	w.WriteString("ab")
	buf := make([]byte, 10)
	if n, err := d.Read(buf); string(buf[:n]) != "ab" || err != nil {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	waits := make(chan bool)
	d.due = func() time.Duration { close(waits); d.due = nil; return -1 }
	go func() { <-waits; stop.stop(StatusTimeout) }()
	if _, err := d.Read(buf); !errors.Is(err, errStopped) {
		t.Errorf("a read that waits ends with %v", err)
	}
	w.WriteString("c")
	if _, err := d.Read(buf); !errors.Is(err, errStopped) {
		t.Errorf("after the stop, read ends with %v", err)
	}
}

func TestReadCallsIdle(t *testing.T) {
	r, w := pipes(t)
	d := newDescriptor(r, stopped(t))
	calls := 0
	d.due = func() time.Duration { return time.Millisecond }
	d.idle = func() error {
		if calls++; calls == 3 {
			w.Close()
		}
		return nil
	}
	if _, err := d.Read(make([]byte, 1)); err != io.EOF || calls < 3 {
		t.Errorf("idle was called %d times, read ends with %v", calls, err)
	}
	failure := errors.New("idle failed")
	r, _ = pipes(t)
	d = newDescriptor(r, stopped(t))
	d.due = func() time.Duration { return 0 }
	d.idle = func() error { return failure }
	if _, err := d.Read(make([]byte, 1)); err != failure {
		t.Errorf("read ends with %v", err)
	}
}

func TestWriteEndsWhenStopped(t *testing.T) {
	r, w := pipes(t)
	stop := stopped(t)
	d := newDescriptor(w, stop)
	big := bytes.Repeat([]byte("x"), 1<<20) // more than any pipe holds
	go func() {
		io.ReadFull(r, make([]byte, 4096)) // it is being written
		stop.stop(StatusTimeout)
	}()
	n, err := d.Write(big)
	if !errors.Is(err, errStopped) || n == 0 || n >= len(big) {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}

func TestWriteAll(t *testing.T) {
	r, w := pipes(t)
	d := newDescriptor(w, stopped(t))
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	result := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(r)
		result <- got
	}()
	if n, err := d.Write(want); n != len(want) || err != nil {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
	w.Close()
	if got := <-result; !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived", len(got))
	}
	r.Close()
}

func TestWriteWithoutReader(t *testing.T) {
	r, w := pipes(t)
	d := newDescriptor(w, stopped(t))
	r.Close()
	if _, err := d.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("got %v", err)
	}
}
