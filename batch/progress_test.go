package batch

import (
	"os"
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
		p := newProgress(mode, file, file, 10, now)
		if got := p.due(now); got != want {
			t.Errorf("mode %v: due in %v, want %v", mode, got, want)
		}
	}
	p := newProgress(ProgressAlways, file, file, 10, now)
	p.draw(nil, now, position{})
	if got := p.due(now); got != progressEvery {
		t.Errorf("drawn again after %v", got)
	}
	if got := string(p.clear([]byte("x"))); got != "x\r\x1b[K" {
		t.Errorf("a visible line is cleared with %q", got)
	}
	if got := string(p.clear([]byte("x"))); got != "x" {
		t.Errorf("a line that is not there is cleared with %q", got)
	}
}
