package wire

import (
	"bytes"
	"fmt"
	"io"
)

// Grammar says what a Reader recognises beyond plain lines of words.
type Grammar uint8

const (
	Comments  Grammar = 1 << iota // lines that begin with # are skipped
	Heredocs                      // <<TAG takes the following lines
	JSONLines                     // lines that begin with [ are JSON arrays
	RESP                          // lines that begin with * and a digit are RESP requests
	Socket                        // as Redis reads a connection: every * begins a RESP request, no byte order mark is skipped

	BatchGrammar  = Comments | Heredocs | JSONLines | RESP
	ShellGrammar  = Comments | Heredocs | JSONLines
	SocketGrammar = RESP | Socket
)

// Limits bound what one command may take.
type Limits struct {
	MaxArg     int // bytes of an argument, once decoded
	MaxArgs    int // arguments of a command
	MaxCommand int // bytes of a command as it stands in the input
}

// DefaultLimits returns 512 MiB for an argument, as Redis's proto-max-bulk-len,
// 16,777,216 arguments, and 2 GiB less one byte for a command.
func DefaultLimits() Limits {
	return Limits{MaxArg: 512 << 20, MaxArgs: 16 << 20, MaxCommand: 1<<31 - 1}
}

// Command is one command as it was read. Args has at least one element; they
// are valid until the next call of Reader.Next and may be overwritten but not
// appended to in place (their capacity ends with them).
type Command struct {
	Args   [][]byte
	Line   int  // of the command's first byte, from 1
	Column int  // of the command's first byte, in bytes, from 1; a byte order mark does not count
	CRLF   bool // the command's line ended in CR LF: a reply in text should, too
}

// SyntaxError is a place in the input that is not a command.
type SyntaxError struct {
	Line    int // of the byte where the faulty thing opens, from 1
	Column  int // in bytes, from 1
	Message string
	CRLF    bool // as Command.CRLF
	Fatal   bool // a broken RESP request: where the next command begins is unknown, so the input ends here
}

// Error returns "line:column: message".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
}

// mode is what the bytes at Reader.pos are.
type mode uint8

const (
	atStart      mode = iota // the very beginning, where a byte order mark may be
	atLine                   // the first byte of a line
	inHeredocs               // a command whose heredoc bodies are still being read
	inRequest                // a RESP request
	skipLine                 // the rest of a line that is a comment or given up
	skipHeredocs             // heredoc bodies of a command that is given up
	ended                    // behind a broken RESP request
)

// outcome is what one step of the parser came to.
type outcome uint8

const (
	again   outcome = iota // something was skipped or the mode has changed
	found                  // an answer was added
	starved                // more bytes are needed
)

// span is a part of the buffer, counted from Reader.pos.
type span struct{ from, to int }

// fault is what is wrong with a command, and where, counted from Reader.pos.
type fault struct {
	at   int
	text string // empty: nothing is wrong
}

// RedisError is the text that Redis answers to this before it closes the connection,
// without the code "ERR". About a line it knows two things to say.
func (e *SyntaxError) RedisError() string {
	switch e.Message {
	case faultLongArg, faultManyArgs, faultLongInput:
		return ProtocolError("too big inline request").Error()
	}
	if e.Fatal {
		return e.Message
	}
	return ProtocolError("unbalanced quotes in request").Error()
}

// Reader reads commands from a stream. Make one with NewReader, and lower
// Limits, if need be, before the first call of Next.
//
// What Next has not returned yet lies in buf[pos:]. The parser only ever looks
// at those bytes: when they do not hold a complete command it keeps what it
// knows so far (scan, run, words, heredocs, request) and goes on from there once
// there are more, so that a command which trickles in byte by byte costs no
// more than one that comes at once.
type Reader struct {
	Limits

	src     io.Reader
	srcErr  error // what src returned last, given out when buf is used up
	grammar Grammar

	buf  []byte
	pos  int
	base int64 // bytes of the input before buf[0]
	line int   // number of the line at pos
	mode mode

	scan     int    // there is no line end in buf[pos+from:pos+scan], see lineAt
	run      int    // see overlong
	words    []span // of the command under way
	column   int    // of its first byte
	crlf     bool   // its line ended in CR LF
	heredocs heredocs
	request  Request
	scratch  []byte // for base64

	// results is a ring: parsed answers from first on that Next has not given yet, and
	// room for the one before them, which is still in use.
	results [MaxAhead + 1]result
	first   int
	parsed  int
	offset  int64

	firstBuffer int
}

// MaxAhead is how many commands a Reader parses at most before they are asked for: one less
// than a power of two, which makes the places in its ring cheap.
const MaxAhead = 63

// result is what one call of Next returns.
type result struct {
	command Command
	err     error // nil for a command
	offset  int64 // of the byte behind it
}

// NewReader returns a Reader of the commands in r.
func NewReader(r io.Reader, g Grammar) *Reader {
	reader := &Reader{Limits: DefaultLimits(), grammar: g, firstBuffer: firstBuffer}
	reader.Reset(r)
	return reader
}

// Reset makes the Reader begin with the commands of another source. It forgets what it
// has read of the one before, and keeps its memory, grammar and limits.
func (r *Reader) Reset(src io.Reader) {
	r.src, r.srcErr = src, nil
	r.pos, r.base, r.line, r.offset = 0, 0, 1, 0
	r.scan, r.run, r.first, r.parsed = 0, 0, 0, 0
	r.mode = atStart
	if r.grammar&Socket != 0 {
		r.mode = atLine
	}
	if cap(r.buf) < r.firstBuffer || cap(r.buf) > keepBuffer {
		r.buf = nil
	}
	r.buf = r.buf[:0]
}

// Idle tells whether nothing was read that Next has not returned, not even a part of a
// command: the Reader can be used for another source and Reset for this one later.
func (r *Reader) Idle() bool {
	return r.parsed == 0 && r.pos == len(r.buf) && r.mode == atLine
}

// Compact gives up the memory that the part of a command which has been read so far
// does not need. It does nothing while whole commands wait.
func (r *Reader) Compact() {
	if rest := r.buf[r.pos:]; r.parsed == 0 && len(rest) < cap(r.buf)/4 {
		r.base += int64(r.pos)
		r.buf, r.pos = append(make([]byte, 0, max(minBuffer, len(rest))), rest...), 0
	}
}

// Next returns the next command. Other results:
//
//   - io.EOF at the end of the input, and from then on
//   - *SyntaxError: the faulty command has been skipped and the next call goes
//     on behind it, or returns io.EOF if it was Fatal
//   - what else the source returned, once all that came before it has been
//     handed out. An unfinished command is kept, not handed out: the next call
//     reads on
//
// Next reads from the source only if no complete command is buffered.
func (r *Reader) Next() (*Command, error) {
	r.Await()
	res := &r.results[r.first]
	r.first = (r.first + 1) % len(r.results)
	r.parsed--
	r.offset = res.offset
	if res.err != nil {
		return nil, res.err
	}
	return &res.command, nil
}

// Await reads until Next can answer.
func (r *Reader) Await() {
	for !r.Ready() {
		r.fill()
	}
}

// Ready tells whether Next can answer, be it with an error or with the end,
// without reading from the source.
func (r *Reader) Ready() bool {
	return r.parsed > 0 || r.parse()
}

// Ahead parses what is buffered, up to MaxAhead commands, and returns the number of
// answers that Next will give without reading. Peek looks at them.
func (r *Reader) Ahead() int {
	for r.parsed < MaxAhead && (r.parsed == 0 || r.newest().err == nil) && r.parse() {
	}
	return r.parsed
}

// Peek returns the command that the (i+1)-th call of Next from now will return, or nil
// if that will be an error; i is less than what Ahead returned.
func (r *Reader) Peek(i int) *Command {
	if res := &r.results[r.slot(i)]; res.err == nil {
		return &res.command
	}
	return nil
}

// newest is the answer that was parsed last.
func (r *Reader) newest() *result { return &r.results[r.slot(r.parsed-1)] }

// slot is the place in the ring of the i-th answer from now.
func (r *Reader) slot(i int) int { return (r.first + i) % len(r.results) }

// Offset returns how many bytes of the input Next has consumed.
func (r *Reader) Offset() int64 { return r.offset }

// parse takes the next command, error or end out of the buffer. It returns
// false if it needs more bytes.
func (r *Reader) parse() bool {
	for {
		switch r.step() {
		case found:
			r.newest().offset = r.base + int64(r.pos)
			return true
		case starved:
			if r.srcErr == nil {
				return false
			}
			err := r.srcErr
			if err != io.EOF {
				r.srcErr = nil
			}
			a := r.answer()
			a.err, a.offset = err, r.base+int64(r.pos)
			return true
		}
	}
}

func (r *Reader) step() outcome {
	switch r.mode {
	case atStart:
		return r.skipBOM()
	case atLine:
		return r.parseLine()
	case inHeredocs:
		return r.parseHeredocs()
	case inRequest:
		return r.parseRequest()
	case skipLine:
		return r.skipLine()
	case skipHeredocs:
		return r.skipHeredocs()
	default:
		r.answer().err = io.EOF
		return found
	}
}

// answer adds a result to the ring.
func (r *Reader) answer() *result {
	res := &r.results[r.slot(r.parsed)]
	r.parsed++
	res.err = nil
	return res
}

// skipBOM skips a UTF-8 byte order mark, which Windows programs write.
func (r *Reader) skipBOM() outcome {
	b := r.buf[r.pos:]
	if len(b) < len(byteOrderMark) && r.srcErr != io.EOF && string(b) == byteOrderMark[:len(b)] {
		return starved
	}
	if bytes.HasPrefix(b, []byte(byteOrderMark)) {
		r.consume(len(byteOrderMark), 0)
	}
	r.mode = atLine
	return again
}

// lineAt returns the line that begins at buf[pos+from], without its LF, and
// where the next one begins, counted from pos. At the end of the input a line
// needs no LF. It returns false if the line is not complete.
func (r *Reader) lineAt(from int) (line []byte, next int, ok bool) {
	b := r.buf[r.pos:]
	searched := max(from, r.scan)
	if i := bytes.IndexByte(b[searched:], '\n'); i >= 0 {
		end := searched + i
		return b[from:end], end + 1, true
	}
	r.scan = len(b)
	if r.srcErr == io.EOF && from < len(b) {
		return b[from:], len(b), true
	}
	return nil, 0, false
}

// skipLine skips the rest of a line in bounded memory.
func (r *Reader) skipLine() outcome {
	if _, next, ok := r.lineAt(0); ok {
		r.consume(next, 1)
		r.mode = atLine
		return again
	}
	r.consume(len(r.buf)-r.pos, 0)
	return starved
}

// parseRequest reads a RESP request.
func (r *Reader) parseRequest() outcome {
	b := r.buf[r.pos:]
	r.request.Limits = r.Limits
	n, err := r.request.parse(b)
	switch {
	case err == nil && n == 0 && r.srcErr == io.EOF:
		err = errTruncated
		fallthrough
	case err != nil:
		r.mode = ended
		r.fail(fault{0, err.Error()}, true)
		r.consume(len(b), 0)
		return found
	case n == 0:
		return starved
	}
	r.mode = atLine
	lines := 0
	if r.grammar&Socket == 0 { // nobody counts the lines of a connection
		lines = bytes.Count(b[:n], []byte{'\n'})
	}
	if len(r.request.words) == 0 { // *0: nothing, as in Redis
		r.consume(n, lines)
		return again
	}
	r.column, r.crlf = 1, true
	r.finish(r.request.words, n, lines)
	return found
}

// finish makes a Command of words and consumes it.
func (r *Reader) finish(words []span, n, lines int) {
	b := r.buf[r.pos:]
	c := &r.answer().command
	args := c.Args[:0]
	for _, w := range words {
		args = append(args, b[w.from:w.to:w.to])
	}
	c.Args, c.Line, c.Column, c.CRLF = args, r.line, r.column, r.crlf
	r.consume(n, lines)
}

// fail makes a SyntaxError.
func (r *Reader) fail(f fault, fatal bool) {
	r.answer().err = &SyntaxError{Line: r.line, Column: f.at + 1, Message: f.text, CRLF: r.crlf || fatal, Fatal: fatal}
}

// consume moves on by n bytes, in which so many lines end.
func (r *Reader) consume(n, lines int) {
	r.pos += n
	r.line += lines
	r.scan, r.run = 0, 0
}
