package repl

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/wire"
)

// settings are what commands of the shell change about how replies are shown.
type settings struct {
	format  string // one of formats
	timing  bool   // the time of each command is shown
	confirm bool   // commands that delete all keys ask first
	paging  bool   // long replies go through the pager
	colour  *palette
	file    *os.File // where replies go instead of stdout, nil for nowhere else
}

// maxKept is how much memory in bytes is kept for the next reply.
const maxKept = 1 << 20

// maxLast bounds what is kept of a reply for \|, in bytes.
const maxLast = 64 << 20

// show shows a reply in the format that was chosen, and keeps it for \|.
func (s *shell) show(reply *wire.Reply) error {
	s.render(reply)
	var err error
	if !s.page(s.out) {
		err = s.write(s.out)
	}
	if cap(s.out) > maxKept {
		s.out = nil
	}
	return err
}

// render writes a reply to out in the format that was chosen, and keeps it for \|.
func (s *shell) render(reply *wire.Reply) {
	s.out = s.appendFormatted(s.out[:0], reply, s.file == nil)
	s.keepLast(reply)
}

// keepLast keeps the bytes of a reply for \|, if they are not too many.
func (s *shell) keepLast(reply *wire.Reply) {
	if cap(s.last) > maxKept {
		s.last = nil
	}
	switch {
	case len(s.out) > maxLast: // its raw bytes are no more than a few times less
		s.last = nil
	case s.format == "typed":
		s.last = wire.AppendRaw(s.last[:0], reply, "\n")
	default:
		s.last = append(s.last[:0], s.out...)
	}
}

// appendFormatted writes a reply in the format that was chosen.
func (s *shell) appendFormatted(dst []byte, reply *wire.Reply, colour bool) []byte {
	switch s.format {
	case "plain":
		return wire.AppendPlain(dst, reply)
	case "json":
		return wire.AppendJSON(dst, reply, "", 0)
	case "raw":
		if reply.IsError() {
			return appendReply(dst, reply)
		}
		return wire.AppendRaw(dst, reply, "\n")
	case "resp":
		return wire.AppendRESP2(dst, reply)
	}
	if on := s.colour[styleError]; colour && on != "" && reply.IsError() {
		dst = append(dst, on...)
		dst = appendScalar(dst, reply)
		return append(append(dst, plainStyle...), '\n')
	}
	if reply.Kind == wire.KindVerbatim && s.file == nil {
		return appendText(dst, []byte(wrapLines(string(reply.Str), s.columns())))
	}
	return appendReply(dst, reply)
}

// columns is the width that text for people may take: that of the window, if replies go
// to one.
func (s *shell) columns() int {
	if !isatty.IsTerminal(os.Stdout.Fd()) {
		return math.MaxInt
	}
	columns, _ := windowSize(os.Stdout)
	return columns
}

// showText shows text for people that is no reply.
func (s *shell) showText(text string) error {
	if s.page([]byte(text)) {
		return nil
	}
	return s.write([]byte(text))
}

// note tells something beside the replies, in lines that fit the window.
func (s *shell) note(text string) { s.display.WriteString(s.noted(text)) }

// noted is what note shows.
func (s *shell) noted(text string) string {
	var b strings.Builder
	columns, _ := windowSize(s.display)
	for line := range strings.Lines(text) {
		b.WriteString(wrapped(visible(strings.TrimSuffix(line, "\n")), columns) + "\n")
	}
	return b.String()
}

// noteAmong tells something that belongs before the reply that follows those in shown: it adds
// it to them if they go to the same place.
func (s *shell) noteAmong(shown []byte, text string) []byte {
	if s.file != nil || s.display != os.Stdout {
		s.note(text)
		return shown
	}
	return append(shown, s.noted(text)...)
}

// showTime tells how long a command took.
func (s *shell) showTime(took time.Duration) {
	if s.timing {
		s.note(formatTime(took))
	}
}

// formatTime writes a duration in the unit that suits it: "(0.042 ms)", "(1.5 s)".
func formatTime(took time.Duration) string {
	if took >= time.Second {
		return fmt.Sprintf("(%.1f s)", took.Seconds())
	}
	return fmt.Sprintf("(%.3f ms)", float64(took)/float64(time.Millisecond))
}

// redirect is \o: replies go to a file from now on, or to stdout again.
func (s *shell) redirect(path string) {
	s.closeFile()
	if path == "" {
		return
	}
	file, err := os.OpenFile(unquotePath(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		s.note(err.Error())
		return
	}
	s.file = file
}

// closeFile ends \o. What could not be written is told.
func (s *shell) closeFile() {
	if s.file == nil {
		return
	}
	if err := s.file.Close(); err != nil {
		s.note(err.Error())
	}
	s.file = nil
}

// unquotePath is the name of a file as it was typed, perhaps in quotes or below ~.
func unquotePath(text string) string {
	if words := splitLine([]rune(text)); len(words) == 1 {
		text = words[0].text
	}
	if rest, ok := strings.CutPrefix(text, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return home + "/" + rest
		}
	}
	return text
}

// piece is how much is written between two looks for Ctrl-C.
const piece = 16 << 10

// write writes to stdout, or the file of \o, until Ctrl-C. When nobody reads stdout the
// shell ends.
func (s *shell) write(b []byte) error {
	if s.file != nil {
		if _, err := s.file.Write(b); err != nil {
			s.note(err.Error())
			s.closeFile()
		}
		return nil
	}
	for len(b) > 0 {
		if s.cut.Load() && len(b) > piece {
			b = []byte("\n")
		}
		n, err := os.Stdout.Write(b[:min(len(b), piece)])
		switch {
		case errors.Is(err, syscall.EPIPE):
			s.stop(statusPipe)
			return nil
		case errors.Is(err, syscall.EIO): // of a terminal
			s.stop(statusHangup)
			return nil
		case err != nil:
			return err
		}
		b = b[n:]
	}
	return nil
}
