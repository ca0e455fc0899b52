package command

import (
	"testing"

	"pgregory.net/rapid"
)

// What LCS finds is a subsequence of both, and no longer one exists.
func TestLCSProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte("abc")), 0, 12)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		table := newLCSTable(a, b)
		common := table.appendCommon(nil)
		if len(common) != table.length || !within(common, a) || !within(common, b) {
			t.Errorf("%q of length %d", common, table.length)
		}
		if want := longest(a, b); table.length != want {
			t.Errorf("length %d, want %d", table.length, want)
		}
	})
}

// within tells whether s is a subsequence of whole.
func within(s, whole []byte) bool {
	for _, c := range whole {
		if len(s) > 0 && s[0] == c {
			s = s[1:]
		}
	}
	return len(s) == 0
}

// longest is the length of the longest common subsequence by its definition: the
// longest subsequence of a that is one of b.
func longest(a, b []byte) (n int) {
	for set := range 1 << len(a) {
		var s []byte
		for i, c := range a {
			if set>>i&1 == 1 {
				s = append(s, c)
			}
		}
		if len(s) > n && within(s, b) {
			n = len(s)
		}
	}
	return n
}
