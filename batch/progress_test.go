package batch

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		total   int64
		seconds float64
		at      position
		want    string
	}{
		{30e6, 6, position{12_300_000, 1_234_567}, " 41% [========            ] 12.3 of 30.0 MB, 1,234,567 commands, 205,761/s, 0:08 left"},
		{30e6, 0, position{}, "  0% [                    ] 0.0 of 30.0 MB, 0 commands"},
		{30e6, 90, position{30_000_001, 999}, "100% [====================] 30.0 of 30.0 MB, 999 commands, 11/s, 0:00 left"},
		{-1, 2, position{12_300_000, 1000}, "12.3 MB, 1,000 commands, 500/s"},
		{3e9, 60, position{1e9, 100}, " 33% [======              ] 1000.0 of 3000.0 MB, 100 commands, 1/s, 2:00 left"},
	} {
		p := progress{total: test.total}
		if got := string(p.append(nil, test.seconds, test.at)); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

func TestProgressWhen(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	now := time.Unix(1000, 0)
	for mode, want := range map[ProgressMode]time.Duration{ProgressAuto: -1, ProgressNever: -1, ProgressAlways: 0} {
		p := newProgress(io.Discard, mode, file, file, 10, now)
		if got := p.due(now); got != want {
			t.Errorf("mode %v: due in %v, want %v", mode, got, want)
		}
	}
}

func TestProgressOnTerminal(t *testing.T) {
	now := time.Unix(1000, 0)
	var terminal strings.Builder
	p := progress{w: &terminal, total: -1, begun: now, next: now}
	shows := func(what, want string) {
		t.Helper()
		if got := terminal.String(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		terminal.Reset()
	}
	p.clear()
	p.finish(now, position{})
	shows("never drawn", "")
	p.draw(now, position{})
	shows("drawn", "\r\x1b[K0.0 MB, 0 commands")
	if got := p.due(now); got != progressEvery {
		t.Errorf("drawn again after %v", got)
	}
	p.clear()
	p.clear()
	shows("cleared once", "\r\x1b[K")
	p.finish(now, position{})
	shows("finished", "\r\x1b[K0.0 MB, 0 commands\n")
	p.clear()
	shows("the last line stays", "")
}
