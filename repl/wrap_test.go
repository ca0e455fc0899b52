package repl

import (
	"strings"
	"testing"
)

func TestAppendPair(t *testing.T) {
	for _, test := range []struct {
		columns int
		want    string
	}{
		{60, "GET name    return the value of a key\n"},
		{33, "GET name    return the value of\n            a key\n"},
		{24, "GET name\n    return the value of\n    a key\n"},
		{4, "GET name\n return\n the\n value\n of\n a\n key\n"},
	} {
		var b strings.Builder
		appendPair(&b, "GET name", "return the value of a key", 12, test.columns)
		if b.String() != test.want {
			t.Errorf("%d columns: %q, want %q", test.columns, b.String(), test.want)
		}
	}
}

func TestWrapped(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"short enough", "short enough"},
		{"KEYS * lists all keys", "KEYS * lists|all keys"},
		{"  GET      the value", "  GET     |    the|    value"},
		{"日本語 日本語 日本語", "日本語|日本語|日本語"},
		{"averyverylongword x", "averyverylongword|x"},
		{"", ""},
	} {
		if got := strings.ReplaceAll(wrapLines(test.line, 12), "\n", "|"); got != test.want {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}
