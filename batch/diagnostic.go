package batch

import (
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// ErrorsAt says where the errors of commands are shown (--errors).
type ErrorsAt int

const (
	ErrorsBoth   ErrorsAt = iota // on both, but once where both are the same terminal, file or pipe
	ErrorsStdout                 // a line in its place
	ErrorsStderr                 // a diagnostic
)

// routing says in which of its two forms the error of a command is shown.
type routing struct {
	inPlace    bool // among the replies
	diagnostic bool // as a line that names the command and its place
	together   bool // stdout and stderr are the same thing: diagnostics go where the replies go, which keeps the order
}

// route decides where errors are shown. JSON and RESP are read by programs that
// count replies, so an error is always among them; raw has no form for one.
func route(at ErrorsAt, format Format, quiet, same, terminal bool) routing {
	r := routing{inPlace: true, diagnostic: true, together: same && !quiet}
	switch {
	case format == Raw, at == ErrorsStderr:
		r.inPlace = false
	case at == ErrorsStdout:
		r.diagnostic = false
	case quiet:
	case terminal && format == Plain:
		r.inPlace = false
	case same:
		r.diagnostic = false
	}
	if format == JSON || format == RESP {
		r.inPlace = true
	}
	return r
}

// sameOutput tells whether two files are the same terminal, file or pipe, and
// whether that is a terminal.
func sameOutput(a, b *os.File) (same, terminal bool) {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	same = errA == nil && errB == nil && os.SameFile(infoA, infoB)
	return same, same && isatty.IsTerminal(a.Fd())
}

// place is where something stands in the input. file is empty for the command
// of the command line, column 0 where only the line matters.
type place struct {
	file         string
	line, column int
}

func (p place) append(dst []byte) []byte {
	if p.file == "" {
		return dst
	}
	dst = append(dst, p.file...)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(p.line), 10)
	if p.column > 0 {
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(p.column), 10)
	}
	return append(dst, ": "...)
}

// appendDiagnostic writes a line about a command that failed:
//
//	nubdb: cmds.txt:12: ERR value is not an integer or out of range: INCR user:1
func appendDiagnostic(dst []byte, p place, message []byte, args [][]byte) []byte {
	dst = append(dst, "nubdb: "...)
	dst = p.append(dst)
	dst = wire.AppendOneLine(dst, message)
	if len(args) > 0 {
		dst = append(dst, ": "...)
		dst = appendCommand(dst, args, maxShown)
	}
	return append(dst, '\n')
}

// maxShown is how much of a command a diagnostic shows, in bytes.
const maxShown = 80

// appendCommand writes a command as it could be typed, without its secrets. What
// is longer than limit bytes is cut there, between two characters.
func appendCommand(dst []byte, args [][]byte, limit int) []byte {
	const more = "..."
	start := len(dst)
	shown := command.Visible(args)
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if i >= shown {
			dst = append(dst, "***"...)
			continue
		}
		if len(arg) > limit {
			arg = arg[:limit]
		}
		if dst = wire.AppendQuoted(dst, arg); len(dst)-start > limit {
			break
		}
	}
	if len(dst)-start <= limit {
		return dst
	}
	end := start + limit - len(more)
	for end > start && !utf8.RuneStart(dst[end]) {
		end--
	}
	return append(dst[:end], more...)
}
