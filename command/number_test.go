package command

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestParseInteger(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "-7": -7, "10": 10,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		if got, err := parseInteger([]byte(text)); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "1_0", "١",
		"9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999"} {
		if got, err := parseInteger([]byte(text)); err != errNotInteger {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// What strconv prints is read back, and what is read is what strconv prints.
func TestParseIntegerProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		if got, err := parseInteger(strconv.AppendInt(nil, n, 10)); got != n || err != nil {
			t.Fatalf("%d: %d, %v", n, got, err)
		}
		text := rapid.StringMatching(`[-+]?[0-9]{0,20}`).Draw(t, "text")
		got, err := parseInteger([]byte(text))
		if err == nil && strconv.FormatInt(got, 10) != text {
			t.Fatalf("%q: %d", text, got)
		}
	})
}

func TestAddOverflows(t *testing.T) {
	const most, least = math.MaxInt64, math.MinInt64
	for _, c := range []struct {
		a, b int64
		want bool
	}{
		{most, 0, false}, {most, 1, true}, {most - 1, 1, false}, {1, most, true}, {most, least, false},
		{least, 0, false}, {least, -1, true}, {least + 1, -1, false}, {-1, least, true}, {0, least, false}, {most, most, true},
	} {
		if got := addOverflows(c.a, c.b); got != c.want {
			t.Errorf("%d + %d: %v", c.a, c.b, got)
		}
	}
}

// Floats are compared with a real server by TestValkey; here is what must not
// take long or much memory.
func TestParseFloatBound(t *testing.T) {
	huge := make([]byte, maxFloat)
	for i := range huge {
		huge[i] = '9'
	}
	for _, text := range []string{"1e999999999999999999", "1e-999999999999999999", "0e999999999", "0x1p999999999", "0x1p-999999999",
		string(huge), string(huge[1:]) + "e5119"[:1], "." + string(huge[1:])} {
		parseFloat([]byte(text))
	}
	if _, err := parseFloat(append(huge, '9')); err != errNotFloat {
		t.Error("longer than Redis reads:", err)
	}
}

func FuzzParseFloat(f *testing.F) {
	for _, text := range []string{"1", "-1.5e3", "0x1.8p-3", "inf", "1e4932", "1e-4951", ".", "e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := parseFloat([]byte(text))
		want, syntax := strconv.ParseFloat(text, 64)
		if err != nil || x.IsInf() || syntax != nil {
			return // not a number here or there, or too large for a float64
		}
		if got, _ := x.Float64(); math.Abs(got-want) > math.Abs(want)*1e-15 && want > 1e-300 {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}
