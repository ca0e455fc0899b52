package main

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0.25": 250 * time.Millisecond, "0": 0, "500ms": 500 * time.Millisecond,
		"1m30s": 90 * time.Second, "1e3": 1000 * time.Second,
		"": -1, "x": -1, "-1": -1, "-1s": -1, "5 s": -1, "1e300": -1, "NaN": -1, "Inf": -1,
	} {
		var got time.Duration
		if err := (&durationFlag{&got}).Set(text); err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "500000": 500000, "64b": 64, "64K": 64 << 10, "64k": 64 << 10, "64KiB": 64 << 10, "64KB": 64000,
		"1.5G": 3 << 29, "2TiB": 2 << 40, "1MB": 1e6,
		"": -1, "0": -1, "-1": -1, "K": -1, "1X": -1, "1e3": 1000, "1KK": -1, "1iB": -1, "1E": -1, "9999999T": -1, "NaN": -1, "1..5": -1,
	} {
		var got int64
		if err := (&sizeFlag{&got}).Set(text); err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
