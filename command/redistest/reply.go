package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

// ReadReply appends the bytes of one reply of RESP2 or RESP3 to dst.
func ReadReply(dst []byte, r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return dst, err
	}
	dst = append(dst, line...)
	kind := line[0]
	if !strings.ContainsRune("$=*%~>", rune(kind)) {
		return dst, nil
	}
	n, err := strconv.Atoi(string(line[1 : len(line)-2]))
	if err != nil || n < 0 {
		return dst, err
	}
	switch kind {
	case '$', '=':
		body := make([]byte, n+2)
		_, err = io.ReadFull(r, body)
		return append(dst, body...), err
	case '%':
		n *= 2
	}
	for ; n > 0 && err == nil; n-- {
		dst, err = ReadReply(dst, r)
	}
	return dst, err
}

// Parse turns the bytes of a reply into a value, for comparisons that leave room for
// time or order.
func Parse(t testing.TB, raw []byte) wire.Reply {
	t.Helper()
	r, err := wire.NewReplyReader(bytes.NewReader(raw)).Read()
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%q: %v", raw, err)
	}
	return r
}

// Quote shows a command, long words cut.
func Quote(args [][]byte) string {
	var line []byte
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		if len(arg) > 60 {
			arg = fmt.Appendf(nil, "%s...(%d bytes)", arg[:60], len(arg))
		}
		line = wire.AppendQuoted(line, arg)
	}
	return string(line)
}
