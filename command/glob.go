package command

// match tells whether all of s matches a glob pattern, by the rules of Redis's
// KEYS:
//
//   - any bytes, also none
//     ?        any byte
//     [abc]    one of these bytes; a-z in it is a range, \x is x
//     [^abc]   none of these bytes
//     \x       the byte x
//
// Bytes are compared without sign, as Redis does where C's char has none.
// A class that is not closed ends with the pattern; a lone backslash at the end
// is itself. The pattern "*" does not match the empty string, and neither do
// more stars: Redis says so, and treats "*" alone as "all keys" in KEYS.
//
// It takes time in the order of len(pattern)*len(s) at most and no memory: only
// the last star can need another try, because every other element of a pattern
// takes exactly one byte.
func match(pattern, s []byte) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	p, i := 0, 0          // the next byte of pattern and of s
	star, starAt := -1, 0 // what follows the last star, and where in s it was tried last
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, starAt = p+1, i
			p++
			continue
		}
		if p < len(pattern) {
			if n, ok := matchByte(pattern[p:], s[i]); ok {
				p, i = p+n, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		starAt++
		p, i = star, starAt
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte tells whether c matches the element that pattern begins with, which
// is no star, and how long that is.
func matchByte(pattern []byte, c byte) (n int, ok bool) {
	switch {
	case pattern[0] == '?':
		return 1, true
	case pattern[0] == '[':
		return matchClass(pattern, c)
	case pattern[0] == '\\' && len(pattern) > 1:
		return 2, pattern[1] == c
	}
	return 1, pattern[0] == c
}

// matchClass is matchByte for a pattern that begins with a class.
func matchClass(pattern []byte, c byte) (n int, ok bool) {
	p := 1
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	found := false
	for p < len(pattern) && pattern[p] != ']' {
		low, high := pattern[p], pattern[p]
		switch {
		case low == '\\' && p+1 < len(pattern):
			low, high = pattern[p+1], pattern[p+1]
			p += 2
		case p+2 < len(pattern) && pattern[p+1] == '-':
			low, high = min(low, pattern[p+2]), max(low, pattern[p+2])
			p += 3
		default:
			p++
		}
		found = found || low <= c && c <= high
	}
	return min(p+1, len(pattern)), found != not
}
