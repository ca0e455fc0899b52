package wire

import (
	"bytes"
	"encoding/base64"
	"io"
)

// The grammar of the input. LF ends a line, and a CR before it is part of that
// end; the last line needs none. All other bytes stand for themselves.
//
//	input    = [BOM] *( blankline / comment / text / array / request )
//	comment  = *blank "#" bytes LF
//	text     = *blank word *( 1*blank word ) *blank LF *body
//	array    = *blank "[" ... "]" LF             a JSON array, see jsonline.go
//	request  = "*" digit ...                     a RESP request, see request.go
//	blank    = SPACE / TAB
//
//	word     = double / single / heredoc / bare
//	double   = DQUOTE *( escape / byte but DQUOTE, backslash, LF ) DQUOTE
//	escape   = "\" ( "n" / "r" / "t" / "b" / "a" / "x" 2hexdigit / byte )    an unknown one is that byte
//	single   = "'" *( "\'" / byte but "'", LF ) "'"
//	heredoc  = "<<" tag                          its value is the body, see heredoc.go
//	bare     = 1*( byte but blank, NUL, LF )     not beginning as one of the others
//	body     = *line tag LF                      without the last line end before the tag
//
// A fault costs its line, and the bodies of the heredocs that opened before it on
// that line: they are data and must not be run. A heredoc that is never ended
// costs the rest of the input, for the same reason.

// The text of the faults, for people.
const (
	faultQuote     = "unterminated quote"
	faultGlued     = "text behind a closing quote: leave a blank"
	faultNUL       = "NUL byte outside quotes"
	faultTag       = `a heredoc tag must be a name, as in <<TAG; a word that begins with "<<" needs quotes`
	faultLongArg   = "argument is too long"
	faultManyArgs  = "too many arguments"
	faultLongInput = "command is too long"
)

// parseLine reads the command on the line at pos. It reads a text or JSON line
// only when it is complete; then it is split and decoded in place.
func (r *Reader) parseLine() outcome {
	if b := r.buf[r.pos:]; len(b) > 0 {
		switch b[0] {
		case '#':
			if r.grammar&Comments != 0 {
				r.mode = skipLine
				return again
			}
		case '*':
			if r.grammar&RESP == 0 {
				break
			}
			if len(b) == 1 && r.grammar&Socket == 0 && r.srcErr != io.EOF {
				return starved
			}
			if r.grammar&Socket != 0 || len(b) > 1 && isDigit(b[1]) {
				r.mode = inRequest
				r.request.reset()
				return again
			}
		}
	}
	line, next, ok := r.lineAt(0)
	if !ok {
		return r.unfinishedLine()
	}
	r.crlf = len(line) > 0 && line[len(line)-1] == '\r'
	if r.crlf {
		line = line[:len(line)-1]
	}
	return r.parseWords(line, next)
}

// parseWords reads the command on a complete line, behind which the next one
// begins at buf[pos+next].
func (r *Reader) parseWords(line []byte, next int) outcome {
	r.heredocs.reset()
	first := skipBlanks(line, 0)
	if first == len(line) || line[first] == '#' && r.grammar&Comments != 0 {
		r.consume(next, 1)
		return again
	}
	r.column = first + 1
	var f fault
	if line[first] == '[' && r.grammar&JSONLines != 0 {
		f = r.splitJSON(line, first)
	} else {
		f = r.split(line, first)
	}
	if f.text == "" && (next > r.MaxArg || next > r.MaxCommand) {
		f = r.checkLimits(line, next)
	}
	if f.text != "" {
		r.fail(f, false)
		r.consume(next, 1)
		if r.heredocs.open() { // their bodies belong to this command and must not be run
			r.mode = skipHeredocs
		}
		return found
	}
	if r.heredocs.open() {
		r.heredocs.begin(next)
		r.mode = inHeredocs
		return again
	}
	r.finish(r.words, next, 1)
	return found
}

// split splits a text line, from its first word on, into words.
func (r *Reader) split(line []byte, i int) fault {
	words := r.words[:0]
	for i < len(line) {
		start, end := i, 0
		switch c := line[i]; {
		case c == '"':
			start++
			end, i = doubleQuoted(line, start)
		case c == '\'':
			start++
			end, i = singleQuoted(line, start)
		default:
			i = bareEnd(line, i)
			end = i
		}
		switch {
		case i < 0:
			return fault{start - 1, faultQuote}
		case i < len(line) && line[i] == 0:
			return fault{i, faultNUL}
		case i < len(line) && line[i] != ' ' && line[i] != '\t':
			return fault{start - 1, faultGlued}
		case len(words) == r.MaxArgs:
			return fault{start, faultManyArgs}
		}
		if end-start > 1 && line[start] == '<' && line[start+1] == '<' && end == i && r.grammar&Heredocs != 0 {
			if f := r.heredocs.add(line[start:end], len(words), start); f.text != "" {
				return f
			}
		}
		words = append(words, span{start, end})
		i = skipBlanks(line, i)
	}
	r.words = words
	return fault{}
}

// bareEnd returns where the bare word ends that line[i] belongs to.
func bareEnd(line []byte, i int) int {
	for i < len(line) && (line[i] > ' ' || line[i] != ' ' && line[i] != '\t' && line[i] != 0) {
		i++
	}
	return i
}

func skipBlanks(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	return i
}

// doubleQuoted decodes the "..." whose first byte is line[from], in place. It
// returns the end of its bytes and the place behind the closing quote, which is
// -1 if there is none.
func doubleQuoted(line []byte, from int) (end, next int) {
	quote := bytes.IndexByte(line[from:], '"')
	if quote < 0 {
		return 0, -1
	}
	escape := bytes.IndexByte(line[from:from+quote], '\\')
	if escape < 0 {
		return from + quote, from + quote + 1
	}
	w := from + escape
	for i := w; i < len(line); {
		c := line[i]
		i++
		switch {
		case c == '"':
			return w, i
		case c == '\\' && i == len(line):
			return 0, -1
		case c == '\\':
			c, i = unescape(line, i)
		}
		line[w] = c
		w++
	}
	return 0, -1
}

// unescape returns the byte that line[i:], behind a backslash, stands for, and
// the place behind it.
func unescape(line []byte, i int) (byte, int) {
	c := line[i]
	i++
	switch c {
	case 'n':
		return '\n', i
	case 'r':
		return '\r', i
	case 't':
		return '\t', i
	case 'b':
		return '\b', i
	case 'a':
		return '\a', i
	case 'x':
		if i+1 < len(line) {
			hi, lo := hexValue(line[i]), hexValue(line[i+1])
			if hi >= 0 && lo >= 0 {
				return byte(hi<<4 | lo), i + 2
			}
		}
	}
	return c, i
}

// singleQuoted is doubleQuoted for '...', where only \' is an escape.
func singleQuoted(line []byte, from int) (end, next int) {
	w := from
	for i := from; i < len(line); i++ {
		c := line[i]
		if c == '\'' {
			return w, i + 1
		}
		if c == '\\' && i+1 < len(line) && line[i+1] == '\'' {
			i++
			c = '\''
		}
		line[w] = c
		w++
	}
	return 0, -1
}

// hexValue returns -1 for what is not a hexadecimal digit.
func hexValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// checkLimits finds what is too long about a complete line of n bytes.
func (r *Reader) checkLimits(line []byte, n int) fault {
	for _, w := range r.words {
		if w.to-w.from > r.MaxArg {
			return fault{opening(line, w.from), faultLongArg}
		}
	}
	if n > r.MaxCommand {
		return fault{0, faultLongInput}
	}
	return fault{}
}

// opening returns where the argument opens whose bytes begin at line[from]: at
// the quote before it, if it has one.
func opening(line []byte, from int) int {
	if from > 0 && (line[from-1] == '"' || line[from-1] == '\'') {
		return from - 1
	}
	return from
}

// unfinishedLine gives up a line that is already too long, and skips the rest
// of it without keeping it.
func (r *Reader) unfinishedLine() outcome {
	n := len(r.buf) - r.pos
	f := fault{at: 0}
	switch {
	case n > r.MaxCommand:
		f.text = faultLongInput
	case n > r.MaxArg && r.overlong():
		f = fault{opening(r.buf[r.pos:], r.run), faultLongArg}
	default:
		return starved
	}
	r.fail(f, false)
	r.consume(n, 0)
	r.mode = skipLine
	return found
}

// overlong tells whether the unfinished line ends in so many bytes without a
// separator that they are too long for an argument, whatever the line turns out
// to be: they belong to a single one and stand for themselves, or in JSON for
// base64. It looks at each byte once: run is where that last piece begins.
func (r *Reader) overlong() bool {
	b := r.buf[r.pos:]
	separators, limit := " \t\"'\\", r.MaxArg
	if first := skipBlanks(b, 0); first < len(b) && b[first] == '[' && r.grammar&JSONLines != 0 {
		separators, limit = ",\"\\", base64.StdEncoding.EncodedLen(r.MaxArg)
	}
	if i := bytes.LastIndexAny(b[r.run:], separators); i >= 0 {
		r.run += i + 1
	}
	return len(b)-r.run > limit+len("\r") // a CR may turn out to belong to the line end
}
