package wire

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// AppendPlain appends r as exactly one line, LF included, that is valid UTF-8
// without control characters other than the TABs between the elements of an
// array. KindNone appends nothing.
//
//	status     OK
//	integer    42            a boolean is 1 or 0
//	double     3.14
//	string     Alice         in "..." if it would be unclear, see needsQuotes
//	nil        (nil)
//	error      (error) ERR syntax error
//	array      a TAB b TAB (c TAB d)     an empty one is (empty), nested ()
//
// Maps, sets and pushes are arrays, as in RESP2.
func AppendPlain(dst []byte, r *Reply) []byte {
	switch {
	case r.Kind == KindBulk && isSafe(r.Str): // by far the most frequent
		return append(append(dst, r.Str...), '\n')
	case r.Kind == KindNone:
		return dst
	case r.isAggregate() && len(r.Elems) == 0:
		return append(dst, "(empty)\n"...)
	case r.isAggregate():
		return append(appendElems(dst, r.Elems, '\t', false), '\n')
	}
	return append(appendScalar(dst, r, false), '\n')
}

// AppendLines appends r as a single command on the command line prints it: an
// array's elements one a line, so that an empty one is no line at all; text for
// people (KindVerbatim) as it is, but with LF for CRLF; everything else as AppendPlain does.
func AppendLines(dst []byte, r *Reply) []byte {
	switch {
	case r.isAggregate() && len(r.Elems) == 0:
		return dst
	case r.isAggregate():
		return append(appendElems(dst, r.Elems, '\n', false), '\n')
	case r.Kind == KindVerbatim:
		dst = append(dst, bytes.ReplaceAll(r.Str, []byte("\r\n"), []byte("\n"))...)
		if !bytes.HasSuffix(r.Str, []byte{'\n'}) {
			dst = append(dst, '\n')
		}
		return dst
	}
	return AppendPlain(dst, r)
}

// AppendOneLine appends text for people as a part of one line: control
// characters become blanks, and what is not UTF-8 becomes U+FFFD.
func AppendOneLine(dst, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case n == 1 && isControl(text[0]):
			dst = append(dst, ' ')
		default:
			dst = utf8.AppendRune(dst, r)
		}
		text = text[n:]
	}
	return dst
}

// isAggregate tells whether r has elements.
func (r *Reply) isAggregate() bool {
	switch r.Kind {
	case KindArray, KindMap, KindSet, KindPush, KindSeries:
		return true
	}
	return false
}

func appendElems(dst []byte, elems []Reply, sep byte, nested bool) []byte {
	for i := range elems {
		if i > 0 {
			dst = append(dst, sep)
		}
		e := &elems[i]
		if e.isAggregate() {
			dst = append(dst, '(')
			dst = appendElems(dst, e.Elems, '\t', true)
			dst = append(dst, ')')
			continue
		}
		dst = appendScalar(dst, e, nested)
	}
	return dst
}

// appendScalar appends a reply without elements. Nested strings stand in
// parentheses, so they are quoted if they have any.
func appendScalar(dst []byte, r *Reply, nested bool) []byte {
	switch r.Kind {
	case KindInteger, KindBool:
		return strconv.AppendInt(dst, r.Int, 10)
	case KindDouble:
		return AppendDouble(dst, r.Float)
	case KindNil, KindNilArray:
		return append(dst, "(nil)"...)
	case KindError:
		return AppendOneLine(append(dst, "(error) "...), r.Str)
	case KindStatus, KindBigNumber:
		return AppendOneLine(dst, r.Str)
	case KindBulk, KindVerbatim:
		if needsQuotes(r.Str) || nested && bytes.ContainsAny(r.Str, "()") {
			return appendQuotes(dst, r.Str)
		}
		return append(dst, r.Str...)
	}
	return dst
}

// needsQuotes tells whether a string would be unclear as it is: empty, with
// control characters or bytes that are not UTF-8, with a blank at either end,
// or beginning like a quoted string, a nil or an error.
func needsQuotes(b []byte) bool {
	return !isSafe(b) && (len(b) == 0 ||
		b[0] == ' ' || b[0] == '"' || b[0] == '(' || b[len(b)-1] == ' ' ||
		bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r == 0x7F }) || !utf8.Valid(b))
}

// isSafe is a quick test which most strings pass and which means that a string
// needs no quotes.
func isSafe(b []byte) bool {
	if len(b) == 0 || b[0] == '"' || b[0] == '(' || b[0] == ' ' || b[len(b)-1] == ' ' {
		return false
	}
	for _, c := range b {
		if c < ' ' || c >= 0x7F {
			return false
		}
	}
	return true
}
