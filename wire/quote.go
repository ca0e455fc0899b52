package wire

import (
	"bytes"
	"unicode/utf8"
)

const byteOrderMark = "\xef\xbb\xbf"

const hexDigits = "0123456789abcdef"

// AppendQuoted appends b as one word of the text grammar, which always reads
// back equal: as it is if it can be, otherwise in "...". What is quoted is valid
// UTF-8 without control characters.
func AppendQuoted(dst, b []byte) []byte {
	if isBare(b) {
		return append(dst, b...)
	}
	return appendQuotes(dst, b)
}

// isBare tells whether b can be a word without quotes anywhere on a line, also
// at its beginning.
func isBare(b []byte) bool {
	if len(b) == 0 || opensSyntax(b) {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c == 0x7F {
			return false
		}
	}
	return utf8.Valid(b)
}

// opensSyntax tells whether b begins as something else than a bare word.
func opensSyntax(b []byte) bool {
	switch b[0] {
	case '"', '\'', '#', '[':
		return true
	case '*':
		return len(b) > 1 && isDigit(b[1])
	case '<':
		return len(b) > 1 && b[1] == '<'
	}
	return bytes.HasPrefix(b, []byte(byteOrderMark))
}

// appendQuotes appends b in "...", with escapes for ", \, control characters
// and what is not UTF-8.
func appendQuotes(dst, b []byte) []byte {
	dst = append(dst, '"')
	for len(b) > 0 {
		n := plainPrefix(b)
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			dst = appendEscape(dst, b[0])
			b = b[1:]
		}
	}
	return append(dst, '"')
}

// plainPrefix returns the length of the longest beginning of b that needs no
// escapes in "...".
func plainPrefix(b []byte) int {
	i := 0
	for i < len(b) {
		c := b[i]
		switch {
		case isControl(c) || c == '"' || c == '\\':
			return i
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return i
			}
			i += n
		}
	}
	return i
}

func isControl(c byte) bool { return c < ' ' || c == 0x7F }

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\a':
		return append(dst, '\\', 'a')
	case '"', '\\':
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}
