package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Returned by ReplyReader.Read (wrapped, with details) for what is not a reply;
// the connection cannot go on then.
var ErrReply = errors.New("invalid reply")

// maxReplyLine bounds the lines of replies: statuses, errors, numbers, lengths.
const maxReplyLine = 64 << 10

// ReplyReader reads RESP2 and RESP3 replies from a stream. Memory grows with the
// bytes that arrive, never with a length that is merely declared.
type ReplyReader struct {
	MaxBulk  int // bytes of a string; 512 MiB
	MaxElems int // elements of an array, or pairs of a map; 16,777,216
	MaxDepth int // arrays inside arrays; 64

	src *bufio.Reader
}

// NewReplyReader returns a ReplyReader of the replies in r. Its limits may be
// changed before the first Read.
func NewReplyReader(r io.Reader) *ReplyReader {
	return &ReplyReader{
		MaxBulk: 512 << 20, MaxElems: 16 << 20, MaxDepth: 64,
		src: bufio.NewReaderSize(r, maxReplyLine),
	}
}

// Read returns the next reply, which belongs to the caller. Attributes are
// skipped; streamed strings and arrays, which no server sends, are refused. It
// returns io.EOF at the end of the stream, io.ErrUnexpectedEOF if that is inside
// a reply, ErrReply, or what the source returned.
func (r *ReplyReader) Read() (Reply, error) {
	if _, err := r.src.Peek(1); err != nil {
		return Reply{}, err
	}
	reply, err := r.read(0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return reply, err
}

// read reads a reply inside of depth others. Its recursion is bounded by
// MaxDepth.
func (r *ReplyReader) read(depth int) (Reply, error) {
	for {
		line, err := r.line()
		if err != nil {
			return Reply{}, err
		}
		kind, rest := line[0], line[1:]
		if kind != '|' {
			return r.readKind(kind, rest, depth)
		}
		if _, err := r.elems(rest, 2, depth); err != nil {
			return Reply{}, err
		}
	}
}

func (r *ReplyReader) readKind(kind byte, rest []byte, depth int) (Reply, error) {
	switch kind {
	case '+':
		return Reply{Kind: KindStatus, Str: slices.Clone(rest)}, nil
	case '-':
		return Reply{Kind: KindError, Str: slices.Clone(rest)}, nil
	case ':', ',', '#', '(', '_':
		return parseScalar(kind, rest)
	case '$', '!', '=':
		return r.readBulk(kind, rest)
	case '*':
		if string(rest) == "-1" {
			return NilArray, nil
		}
		return r.readAggregate(KindArray, rest, 1, depth)
	case '~':
		return r.readAggregate(KindSet, rest, 1, depth)
	case '>':
		return r.readAggregate(KindPush, rest, 1, depth)
	case '%':
		return r.readAggregate(KindMap, rest, 2, depth)
	}
	return Reply{}, fmt.Errorf("%w: unknown type %q", ErrReply, kind)
}

// parseScalar parses a reply that is a single line.
func parseScalar(kind byte, rest []byte) (Reply, error) {
	text := string(rest)
	switch {
	case kind == ':':
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Integer(n), nil
		}
	case kind == ',':
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return Reply{Kind: KindDouble, Float: f}, nil
		}
	case kind == '#' && (text == "t" || text == "f"):
		b := Reply{Kind: KindBool}
		if text == "t" {
			b.Int = 1
		}
		return b, nil
	case kind == '(' && isInteger(rest):
		return Reply{Kind: KindBigNumber, Str: []byte(text)}, nil
	case kind == '_' && text == "":
		return Nil, nil
	}
	return Reply{}, fmt.Errorf("%w: %.80q", ErrReply, string(kind)+text)
}

// readBulk reads a string with a declared length.
func (r *ReplyReader) readBulk(kind byte, rest []byte) (Reply, error) {
	if kind == '$' && string(rest) == "-1" {
		return Nil, nil
	}
	n, err := r.length(rest, r.MaxBulk)
	if err != nil {
		return Reply{}, err
	}
	b, err := r.bytes(n)
	if err != nil {
		return Reply{}, err
	}
	switch kind {
	case '!':
		return Reply{Kind: KindError, Str: b}, nil
	case '=':
		if len(b) < 4 || b[3] != ':' {
			return Reply{}, fmt.Errorf("%w: a verbatim string without its format", ErrReply)
		}
		return Reply{Kind: KindVerbatim, Str: b[4:]}, nil
	}
	return Bulk(b), nil
}

// readAggregate reads a reply with elements, width of them for each declared one.
func (r *ReplyReader) readAggregate(kind Kind, rest []byte, width, depth int) (Reply, error) {
	elems, err := r.elems(rest, width, depth)
	return Reply{Kind: kind, Elems: elems}, err
}

func (r *ReplyReader) elems(rest []byte, width, depth int) ([]Reply, error) {
	n, err := r.length(rest, r.MaxElems)
	if err != nil {
		return nil, err
	}
	if depth == r.MaxDepth {
		return nil, fmt.Errorf("%w: arrays nested more than %d deep", ErrReply, r.MaxDepth)
	}
	var elems []Reply
	for range n * width {
		e, err := r.read(depth + 1)
		if err != nil {
			return nil, err
		}
		elems = append(elems, e)
	}
	return elems, nil
}

// length parses a declared length.
func (r *ReplyReader) length(text []byte, limit int) (int, error) {
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n > uint64(limit) {
		return 0, fmt.Errorf("%w: length %.80q", ErrReply, text)
	}
	return int(n), nil
}

// line returns the next line without its CR LF; it has at least one byte and is
// valid until the next read.
func (r *ReplyReader) line() ([]byte, error) {
	line, err := r.src.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrReply, maxReplyLine)
	}
	if err != nil {
		return nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return nil, fmt.Errorf("%w: line %.80q", ErrReply, line)
	}
	return line[:len(line)-2], nil
}

// bytes reads a string of n bytes and the CR LF behind it. It allocates as the
// bytes arrive.
func (r *ReplyReader) bytes(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, maxReplyLine))
	for len(b) < n {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(n-len(b), len(b)))
		}
		m, err := io.ReadFull(r.src, b[len(b):min(cap(b), n)])
		b = b[:len(b)+m]
		if err != nil {
			return nil, err
		}
	}
	var end [2]byte
	if _, err := io.ReadFull(r.src, end[:]); err != nil {
		return nil, err
	}
	if string(end[:]) != "\r\n" {
		return nil, fmt.Errorf("%w: a string longer than its length", ErrReply)
	}
	return b, nil
}
