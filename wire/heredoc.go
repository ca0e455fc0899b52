package wire

import (
	"bytes"
	"io"
)

// heredocs are those of one command. The bodies follow its line in the order
// of the tags:
//
//	MSET a <<A b <<B
//	value of a
//	A
//	value of b
//	B
type heredocs struct {
	tags  []byte // of those that are not ended yet, an LF behind each
	words []int  // the words that they are
	body  int    // where the body of the first begins, counted from Reader.pos
	at    int    // where the line to look at next begins, counted from Reader.pos
	lines int    // how many lines of the command are behind
	cut   bool   // when skipping: pos is in the middle of a line
}

func (h *heredocs) reset() {
	h.tags, h.words, h.cut = h.tags[:0], h.words[:0], false
}

func (h *heredocs) open() bool { return len(h.tags) > 0 }

// add notes the heredoc that word number i, "<<TAG", opens.
func (h *heredocs) add(word []byte, i, at int) fault {
	tag := word[2:]
	if !isName(tag) {
		return fault{at, faultTag}
	}
	h.tags = append(append(h.tags, tag...), '\n')
	h.words = append(h.words, i)
	return fault{}
}

// begin says that the bodies begin at buf[pos+next].
func (h *heredocs) begin(next int) {
	h.body, h.at, h.lines = next, next, 1
}

// tag returns the tag that ends the first open heredoc.
func (h *heredocs) tag() []byte {
	return h.tags[:bytes.IndexByte(h.tags, '\n')]
}

// pop ends the first open heredoc and returns which word it is.
func (h *heredocs) pop() int {
	h.tags = h.tags[:copy(h.tags, h.tags[len(h.tag())+1:])]
	word := h.words[0]
	h.words = h.words[:copy(h.words, h.words[1:])]
	return word
}

// isName tells whether b is a letter or underscore followed by letters, digits
// and underscores.
func isName(b []byte) bool {
	for i, c := range b {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return len(b) > 0
}

// Heredoc returns the tag of the heredoc that is waiting for its next line, or
// "" when none is: the shell shows another prompt then. The heredocs of a command
// that was given up count, too.
func (r *Reader) Heredoc() string {
	if r.mode != inHeredocs && r.mode != skipHeredocs {
		return ""
	}
	return string(r.heredocs.tag())
}

// parseHeredocs reads the bodies of the heredocs of a command.
func (r *Reader) parseHeredocs() outcome {
	h := &r.heredocs
	for {
		line, next, ok := r.lineAt(h.at)
		if !ok {
			return r.unfinishedHeredoc()
		}
		end := r.bodyEnd()
		isTag := bytes.Equal(trimCR(line), h.tag())
		h.at = next
		h.lines++
		switch {
		case isTag:
			r.words[h.pop()] = span{h.body, end}
			h.body = next
		case r.bodyEnd()-h.body > r.MaxArg:
			return r.giveUpHeredocs(faultLongArg)
		case next > r.MaxCommand:
			return r.giveUpHeredocs(faultLongInput)
		}
		if !h.open() {
			r.mode = atLine
			r.finish(r.words, next, h.lines)
			return found
		}
	}
}

// bodyEnd returns where the body ends if the next line is its tag: before the
// line end, which is CR LF if that of the command was.
func (r *Reader) bodyEnd() int {
	h := &r.heredocs
	body := r.buf[r.pos+h.body : r.pos+h.at]
	body = bytes.TrimSuffix(body, []byte{'\n'})
	if r.crlf {
		body = trimCR(body)
	}
	return h.body + len(body)
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// unfinishedHeredoc waits for more, unless there is none or it is too much.
func (r *Reader) unfinishedHeredoc() outcome {
	h := &r.heredocs
	n := len(r.buf) - r.pos
	ending := len("\r\n") + len(h.tag()) + len("\r") // what follows the body on its last line and the next
	switch {
	case r.srcErr == io.EOF:
		return r.giveUpHeredocs("heredoc without a line " + string(h.tag()) + " to end it")
	case n-h.body > r.MaxArg+ending:
		return r.giveUpHeredocs(faultLongArg)
	case n > r.MaxCommand+ending:
		return r.giveUpHeredocs(faultLongInput)
	}
	return starved
}

// giveUpHeredocs fails the command but still skips the bodies: they are data,
// and running them as commands could do harm.
func (r *Reader) giveUpHeredocs(text string) outcome {
	h := &r.heredocs
	r.fail(fault{r.words[h.words[0]].from, text}, false)
	r.consume(h.at, h.lines)
	r.mode = skipHeredocs
	return found
}

// skipHeredocs skips the bodies of a command that was given up, in bounded
// memory.
func (r *Reader) skipHeredocs() outcome {
	h := &r.heredocs
	line, next, ok := r.lineAt(0)
	if !ok {
		if n := len(r.buf) - r.pos; n > len(h.tag())+len("\r") {
			r.consume(n, 0) // this is not the beginning of the tag's line
			h.cut = true
		}
		return starved
	}
	if !h.cut && bytes.Equal(trimCR(line), h.tag()) {
		h.pop()
	}
	h.cut = false
	r.consume(next, 1)
	if !h.open() {
		r.mode = atLine
	}
	return again
}
