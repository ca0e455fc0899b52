package repl

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/nubdb/nubdb/wire"
)

// appendReply writes a reply for people, in the notation of redis-cli: every
// value carries its type, and the elements of an array are numbered.
//
//	status    OK                    integer  (integer) 1
//	string    "quoted"              double   (double) 3.14
//	nil       (nil)                 boolean  (true)
//	error     (error) ERR message   map      1# "key" => "value"
//	array     1) "a"                set      1~ "a"
//	          2) 1) "nested"
//	             2) (integer) 2
//
// Text for people (KindVerbatim) is written as it is.
func appendReply(dst []byte, r *wire.Reply) []byte {
	return appendNested(dst, r, "")
}

// appendNested writes a reply whose first line goes on the line under way; the
// lines after it begin with indent.
func appendNested(dst []byte, r *wire.Reply, indent string) []byte {
	switch r.Kind {
	case wire.KindNone:
		return dst
	case wire.KindArray, wire.KindPush:
		return appendElements(dst, r.Elems, ')', "(empty array)\n", indent)
	case wire.KindSet:
		return appendElements(dst, r.Elems, '~', "(empty set)\n", indent)
	case wire.KindMap:
		return appendMap(dst, r.Elems, indent)
	case wire.KindVerbatim:
		return appendText(dst, r.Str)
	case wire.KindSeries: // its elements are replies by themselves
		for i := range r.Elems {
			dst = appendNested(dst, &r.Elems[i], indent)
		}
		return dst
	}
	return append(appendScalar(dst, r), '\n')
}

// appendScalar writes a reply that has no elements, without a line end.
func appendScalar(dst []byte, r *wire.Reply) []byte {
	switch r.Kind {
	case wire.KindStatus:
		return appendVisible(dst, r.Str)
	case wire.KindError:
		return appendVisible(append(dst, "(error) "...), bytes.TrimRight(r.Str, " "))
	case wire.KindInteger:
		return strconv.AppendInt(append(dst, "(integer) "...), r.Int, 10)
	case wire.KindDouble:
		return wire.AppendDouble(append(dst, "(double) "...), r.Float)
	case wire.KindBool:
		if r.Int != 0 {
			return append(dst, "(true)"...)
		}
		return append(dst, "(false)"...)
	case wire.KindBigNumber:
		return appendVisible(append(dst, "(big number) "...), r.Str)
	case wire.KindBulk:
		return appendString(dst, r.Str)
	}
	return append(dst, "(nil)"...)
}

// appendElements numbers the elements. The numbers are right-aligned, and what
// an element adds in further lines is indented by the width of its number.
func appendElements(dst []byte, elems []wire.Reply, mark byte, empty, indent string) []byte {
	if len(elems) == 0 {
		return append(dst, empty...)
	}
	n := newNumbering(len(elems), mark, indent)
	for i := range elems {
		dst = n.append(dst, i)
		dst = appendNested(dst, &elems[i], n.nested)
	}
	return dst
}

func appendMap(dst []byte, elems []wire.Reply, indent string) []byte {
	if len(elems) < 2 {
		return append(dst, "(empty hash)\n"...)
	}
	n := newNumbering(len(elems)/2, '#', indent)
	for i := 0; i+1 < len(elems); i += 2 {
		dst = n.append(dst, i/2)
		dst = appendNested(dst, &elems[i], n.nested)
		if last := len(dst) - 1; dst[last] == '\n' {
			dst = dst[:last]
		}
		dst = append(dst, " => "...)
		dst = appendNested(dst, &elems[i+1], n.nested)
	}
	return dst
}

// numbering writes the numbers of the elements of one array.
type numbering struct {
	width  int    // of the largest number
	mark   byte   // behind a number
	indent string // before every number but the first, which goes on the line under way
	nested string // the indent within elements
}

func newNumbering(count int, mark byte, indent string) numbering {
	const blanks = "                        " // no number is that wide
	width := len(strconv.Itoa(count))
	return numbering{width: width, mark: mark, indent: indent, nested: indent + blanks[:width+2]}
}

func (n *numbering) append(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, n.indent...)
	}
	number := strconv.Itoa(i + 1)
	for pad := n.width - len(number); pad > 0; pad-- {
		dst = append(dst, ' ')
	}
	dst = append(dst, number...)
	return append(dst, n.mark, ' ')
}

// appendString writes a value in double quotes. UTF-8 stays readable; what
// could move the cursor, hide or reorder text, and bytes that are not UTF-8, are
// written as escapes. What is written reads back equal as a word of a command.
func appendString(dst, value []byte) []byte {
	dst = append(dst, '"')
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case isVisible(r) && (r != utf8.RuneError || size > 1):
			dst = append(dst, value[:size]...)
		default:
			for _, c := range value[:size] {
				dst = appendEscaped(dst, c)
			}
		}
		value = value[size:]
	}
	return append(dst, '"')
}

// appendEscaped writes a byte as the escape that stands for it in the grammar of commands.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
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
	}
	return append(dst, '\\', 'x', hex[c>>4], hex[c&15])
}

// isVisible tells whether a character may be sent to a terminal: it is no control
// character and does not change the direction of the text around it.
func isVisible(r rune) bool {
	switch {
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional overrides and isolates
		return false
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return false
	}
	return !unicode.IsControl(r)
}

// appendVisible writes text that may quote what a client sent, with escapes for
// all that a terminal would not simply show.
func appendVisible(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if isVisible(r) && (r != utf8.RuneError || size > 1) {
			dst = append(dst, text[:size]...)
		} else {
			for _, c := range text[:size] {
				dst = appendEscaped(dst, c)
			}
		}
		text = text[size:]
	}
	return dst
}

// appendText writes lines of text, the last of which gets its end if it has none.
func appendText(dst, text []byte) []byte {
	for len(text) > 0 {
		end := 0
		for end < len(text) && text[end] != '\n' && text[end] != '\t' {
			end++
		}
		line := text[:end]
		if n := len(line); n > 0 && line[n-1] == '\r' && end < len(text) {
			line = line[:n-1] // INFO ends its lines with CR LF
		}
		dst = appendVisible(dst, line)
		if end < len(text) {
			dst = append(dst, text[end])
			end++
		}
		text = text[end:]
	}
	if n := len(dst); n == 0 || dst[n-1] != '\n' {
		dst = append(dst, '\n')
	}
	return dst
}
