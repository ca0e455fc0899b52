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
