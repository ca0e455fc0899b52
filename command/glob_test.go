package command

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", false}, // as Redis has it
		{"*", "a", true},
		{"**", "ab", true},
		{"a*", "a", true},
		{"a*b", "ab", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXcYb", false},
		{"*ab", "aab", true},
		{"?", "", false},
		{"?", "\xff", true},
		{"a?c", "abc", true},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[^abc]", "d", true},
		{"[^abc]", "a", false},
		{"[a-c]x", "bx", true},
		{"[c-a]x", "bx", true},
		{"[a-]", "^", true}, // a range between ] and a, not closed
		{"[a-]", "-", false},
		{"[a-]]", "`", true},
		{`[\]]`, "]", true},
		{`[\^a]`, "^", true},
		{`[^`, "x", true},
		{`[`, "[", false},
		{`[ab`, "b", true},
		{`[]`, "]", false},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`\`, `\`, true},
		{`a\`, `a\`, true},
	} {
		if got := match([]byte(c.pattern), []byte(c.s)); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

// TestMatchBound: a pattern that makes a backtracking matcher take exponential
// time is done at once.
func TestMatchBound(t *testing.T) {
	var pattern, s []byte
	for range 1000 {
		pattern = append(pattern, "a*"...)
		s = append(s, "aa"...)
	}
	if match(append(pattern, 'b'), s) {
		t.Error("matches")
	}
}

// FuzzMatch compares with the definition written down plainly: a star tries every length.
func FuzzMatch(f *testing.F) {
	for _, c := range []string{"*", "a*b?[a-c]", `\*[^\]x]*`, "[", "[^", "[a-", "**a**"} {
		f.Add([]byte(c), []byte("ab]c"))
	}
	f.Fuzz(func(t *testing.T, pattern, s []byte) {
		pattern, s = pattern[:min(len(pattern), 12)], s[:min(len(s), 12)]
		if got, want := match(pattern, s), matchPlainly(pattern, s); got != want {
			t.Errorf("match(%q, %q) = %v, want %v", pattern, s, got, want)
		}
	})
}

func matchPlainly(pattern, s []byte) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	return matchFrom(pattern, s)
}

func matchFrom(pattern, s []byte) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		return matchFrom(pattern[1:], s) || len(s) > 0 && matchFrom(pattern, s[1:])
	case len(s) == 0:
		return false
	}
	n, ok := matchByte(pattern, s[0])
	return ok && matchFrom(pattern[n:], s[1:])
}
