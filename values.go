package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nubdb/nubdb/batch"
	"github.com/nubdb/nubdb/command"
)

// word is a value of a flag and how it is written.
type word[T any] struct {
	name  string
	value T
}

var formats = []word[batch.Format]{{"plain", batch.Plain}, {"json", batch.JSON}, {"raw", batch.Raw}, {"resp", batch.RESP}}

var errorPlaces = []word[batch.ErrorsAt]{{"both", batch.ErrorsBoth}, {"stdout", batch.ErrorsStdout}, {"stderr", batch.ErrorsStderr}}

var progressModes = []word[batch.ProgressMode]{{"auto", batch.ProgressAuto}, {"always", batch.ProgressAlways}, {"never", batch.ProgressNever}}

// A long run syncs every second in any case, so that everysec is what end is.
var syncPolicies = []word[command.SyncPolicy]{{"end", command.SyncEnd}, {"everysec", command.SyncEnd}, {"always", command.SyncAlways}, {"no", command.SyncNo}}

// choiceFlag is a flag that takes one of a few words. The first is the default.
type choiceFlag[T comparable] struct {
	target *T
	words  []word[T]
}

func choice[T comparable](target *T, words []word[T]) *choiceFlag[T] {
	return &choiceFlag[T]{target, words}
}

func (c *choiceFlag[T]) Set(s string) error {
	for _, w := range c.words {
		if w.name == s {
			*c.target = w.value
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", c.Type())
}

func (c *choiceFlag[T]) String() string {
	for _, w := range c.words {
		if w.value == *c.target {
			return w.name
		}
	}
	return ""
}

// Type is what stands for the value in the help.
func (c *choiceFlag[T]) Type() string {
	names := make([]string, len(c.words))
	for i, w := range c.words {
		names[i] = w.name
	}
	return strings.Join(names, "|")
}

// inputFlag is a flag that adds an input, so that -c and -f keep their order.
type inputFlag struct {
	inputs *[]batch.Input
	input  func(string) batch.Input
}

func (i *inputFlag) Set(s string) error { *i.inputs = append(*i.inputs, i.input(s)); return nil }
func (i *inputFlag) String() string     { return "" }
func (i *inputFlag) Type() string       { return "input" }

// durationFlag is a time such as 1m30s or 500ms; a bare number is seconds.
type durationFlag struct{ target *time.Duration }

func (d *durationFlag) Set(s string) error {
	t, err := time.ParseDuration(s)
	if seconds, e := strconv.ParseFloat(s, 64); e == nil && math.Abs(seconds) < math.MaxInt64/1e9 {
		t, err = time.Duration(seconds*1e9), nil
	}
	if err != nil || t < 0 {
		return fmt.Errorf("must be a time such as 2s, 500ms, 1m30s, or a number of seconds")
	}
	*d.target = t
	return nil
}

func (d *durationFlag) Type() string { return "DUR" }

func (d *durationFlag) String() string {
	if *d.target == 0 {
		return ""
	}
	return d.target.String()
}

// sizeFlag is a number of bytes such as 500000, 64K, 64M, 1.5G. K, KiB, M ... are
// powers of 1024 and KB, MB ... powers of 1000, as in GNU's tools.
type sizeFlag struct{ target *int64 }

func (f *sizeFlag) Set(s string) error {
	number, factor := s, 1.0
	if i := strings.LastIndexAny(s, "0123456789."); i >= 0 {
		number, factor = s[:i+1], unit(s[i+1:])
	}
	n, err := strconv.ParseFloat(number, 64)
	if size := n * factor; err != nil || !(size >= 1 && size < math.MaxInt64) {
		return fmt.Errorf("must be a size such as 500000, 64M or 2GiB")
	}
	*f.target = int64(n * factor)
	return nil
}

// unit is the number of bytes that a unit stands for, 0 if there is no such unit.
func unit(s string) float64 {
	base := 1024.0
	prefix := strings.ToUpper(s)
	switch {
	case prefix == "" || prefix == "B":
		return 1
	case strings.HasSuffix(prefix, "IB"):
		prefix = prefix[:len(prefix)-2]
	case strings.HasSuffix(prefix, "B"):
		base, prefix = 1000, prefix[:len(prefix)-1]
	}
	power := 1 + strings.Index("KMGT", prefix)
	if len(prefix) != 1 || power == 0 {
		return 0
	}
	return math.Pow(base, float64(power))
}

func (f *sizeFlag) Type() string { return "SIZE" }

func (f *sizeFlag) String() string {
	if *f.target == 0 {
		return ""
	}
	return strconv.FormatInt(*f.target, 10)
}
