package repl

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Keys as a terminal sends them.
const (
	keyInterrupt = 0x03 // Ctrl-C
	keyEnd       = 0x04 // Ctrl-D
	keySuspend   = 0x1a // Ctrl-Z
)

// keyboard reads the keys typed on a terminal. It is what readline reads from,
// and corrects what readline would misunderstand:
//
//   - A read returns one key, so that readline, which buffers, holds nothing that
//     was typed ahead, and what was typed ahead can be discarded.
//   - NUL (Ctrl-Space) is the end of the input to readline, and control
//     characters it does not know go into the line. Both are dropped.
//   - Ctrl-Z would stop the parent process, too. suspendKey comes instead.
//   - Home, End and Ctrl with an arrow have more than one code.
//   - It knows nothing of pastes that the terminal marks.
//   - readline draws the whole line at each character: a paste of 10 kB makes 50 MB
//     of output (as one key 50 kB). So what is long enough to be a paste is one key.
//   - Its own reader cannot be closed while it waits for a key.
type keyboard struct {
	fd int

	wake        *os.File // becomes readable when something happens that is no key
	wakeWrite   *os.File
	closed      atomic.Bool
	gone        atomic.Bool // the terminal is
	interrupted atomic.Bool

	// Used by whoever reads; readline reads only while the shell waits for it.
	buf   []byte // what was typed and has not been taken
	chunk [4096]byte

	searched int // how much of buf is known not to hold the end of the paste that it begins with

	ended  atomic.Bool // Ctrl-D was taken, and isEnd has not been asked
	pastes chan []rune // the texts that pasteKey stands for, in order
}

// Keys that readline does not know are noncharacters, which nobody types.
const (
	pasteKey   = '\ufdd0' // stands for a pasted text
	suspendKey = '\ufdd1' // Ctrl-Z
)

// minPaste is the number of bytes that nobody types between two reads.
const minPaste = 32

func newKeyboard(terminal *os.File) (*keyboard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &keyboard{
		fd: int(terminal.Fd()), wake: r, wakeWrite: w,
		// readline is at most one key ahead of the line it builds.
		pastes: make(chan []rune, 4),
	}, nil
}

// takeOver takes what was typed before the shell had the terminal in a mode of
// its own. A terminal in line mode makes Ctrl-D a NUL (on Linux), which nobody
// types by then.
func (k *keyboard) takeOver() {
	var none unix.Timeval
	var ready unix.FdSet
	ready.Set(k.fd)
	if n, err := unix.Select(k.fd+1, &ready, nil, nil, &none); n == 1 && err == nil {
		n, _ := unix.Read(k.fd, k.chunk[:])
		k.buf = append(k.buf, bytes.ReplaceAll(k.chunk[:max(n, 0)], []byte{0}, []byte{keyEnd})...)
	}
}

// Read puts one key into p, which must hold at least utf8.UTFMax bytes. It
// returns io.EOF when the keyboard is closed or the terminal is gone. The terminal
// must give each key at once: an end of the input is not what Ctrl-D does then.
func (k *keyboard) Read(p []byte) (int, error) {
	for {
		if n := k.take(p); n > 0 {
			return n, nil
		}
		if err := k.fill(); err != nil {
			k.gone.Store(!k.closed.Load())
			return 0, io.EOF
		}
	}
}

// Close makes every Read return io.EOF, also one that waits.
func (k *keyboard) Close() error {
	k.closed.Store(true)
	_, err := k.wakeWrite.Write([]byte{0})
	return err
}

// interrupt has the effect of Ctrl-C, for a reader that waits.
func (k *keyboard) interrupt() {
	k.interrupted.Store(true)
	k.wakeWrite.Write([]byte{0})
}

// discard drops all that was typed and not taken. Nobody may be reading.
func (k *keyboard) discard() {
	k.buf = k.buf[:0]
	flushInput(k.fd)
}

// isEnd tells whether the last key was Ctrl-D: the Delete key is the same to readline.
func (k *keyboard) isEnd() bool { return k.ended.Swap(false) }

// take moves a key from the buffer to p. It returns 0 if there is no complete one.
func (k *keyboard) take(p []byte) int {
	for len(k.buf) > 0 {
		if bytes.HasPrefix(k.buf, []byte(pasteBegin)) {
			text, length := marked(k.buf, &k.searched)
			if length == 0 {
				return 0
			}
			k.buf, k.searched = k.buf[length:], 0
			if text == "" {
				continue
			}
			k.pastes <- []rune(text)
			return copy(p, string(pasteKey))
		}
		if n := pasteLength(k.buf); n >= minPaste {
			k.pastes <- []rune(string(k.buf[:n]))
			k.buf = k.buf[n:]
			return copy(p, string(pasteKey))
		}
		code, length := decodeKey(k.buf)
		if length == 0 {
			return 0
		}
		k.buf = k.buf[length:]
		switch code {
		case "":
			continue
		case string(rune(keyEnd)):
			k.ended.Store(true)
		case string(rune(keySuspend)):
			code = string(suspendKey)
		}
		return copy(p, code)
	}
	return 0
}

// errGone is the end of a terminal: its window was closed.
var errGone = errors.New("the terminal is gone")

// fill waits for keys and reads all there are. It returns io.EOF when the keyboard
// is closed, and when the terminal says so.
func (k *keyboard) fill() error {
	for {
		typed, err := k.wait()
		if err != nil {
			return err
		}
		if k.closed.Load() {
			return io.EOF
		}
		if k.interrupted.Swap(false) {
			k.buf = append(k.buf[:0], keyInterrupt)
			return nil
		}
		if !typed {
			continue
		}
		n, err := unix.Read(k.fd, k.chunk[:])
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return errGone
		case n == 0:
			return io.EOF
		}
		k.buf = append(k.buf, k.chunk[:n]...)
		return nil
	}
}

// wait returns when something was typed or the wake pipe was written to. It uses
// select because poll refuses terminals on some systems.
func (k *keyboard) wait() (typed bool, err error) {
	wake := int(k.wake.Fd())
	for {
		var ready unix.FdSet
		ready.Set(k.fd)
		ready.Set(wake)
		_, err := unix.Select(max(k.fd, wake)+1, &ready, nil, nil, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, os.NewSyscallError("select", err)
		}
		if ready.IsSet(wake) {
			var drained [64]byte
			unix.Read(wake, drained[:])
		}
		return ready.IsSet(k.fd), nil
	}
}

// Between these comes what is pasted on a terminal that was asked to mark it. It may
// have several lines, and is not entered by that.
const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// marked takes the paste that typed begins with: its text, without the last line end and
// without what a terminal would do something at, and its length. That is 0 if more has
// to come; searched is then how far the end has been looked for.
func marked(typed []byte, searched *int) (text string, length int) {
	from := max(len(pasteBegin), *searched)
	i := bytes.Index(typed[from:], []byte(pasteEnd))
	if i < 0 {
		*searched = max(len(pasteBegin), len(typed)-len(pasteEnd)+1)
		return "", 0
	}
	end := from + i
	text = strings.ReplaceAll(string(typed[len(pasteBegin):end]), "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r == pasteKey, r == suspendKey:
			return -1
		}
		return r
	}, text)
	return strings.TrimRight(text, "\n"), end + len(pasteEnd)
}

// pasteLength is the length of the characters at the start of typed that would go
// into the line as they are. A TAB in the midst of a paste is one of them.
func pasteLength(typed []byte) int {
	n := 0
	for n < len(typed) {
		r, size := utf8.DecodeRune(typed[n:])
		if r == utf8.RuneError && size == 1 || r == pasteKey || r == suspendKey || r != '\t' && unicode.IsControl(r) {
			break
		}
		n += size
	}
	return n
}

// keyCodes are keys that readline does not know, with what it knows instead.
var keyCodes = [...]struct{ typed, code string }{
	{"\x1b[1~", "\x01"}, {"\x1b[7~", "\x01"}, // Home of the Linux console, tmux, rxvt
	{"\x1b[4~", "\x05"}, {"\x1b[8~", "\x05"}, // End
	{"\x1b[1;5D", "\x1bb"}, {"\x1b[1;3D", "\x1bb"}, // Ctrl and Alt with an arrow: a word
	{"\x1b[1;5C", "\x1bf"}, {"\x1b[1;3C", "\x1bf"},
}

// knownControls are the control characters that readline understands.
const knownControls = "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x10\x12\x13\x14\x15\x17\x19\x1a\x1b\x7f"

// decodeKey returns the code that stands for the key at the start of typed, ""
// for one to drop, and its length, which is 0 if more has to come.
func decodeKey(typed []byte) (code string, length int) {
	for i := range keyCodes {
		if bytes.HasPrefix(typed, []byte(keyCodes[i].typed)) {
			return keyCodes[i].code, len(keyCodes[i].typed)
		}
	}
	if !utf8.FullRune(typed) || len(typed) > 1 && strings.HasPrefix(pasteBegin, string(typed)) {
		return "", 0
	}
	r, size := utf8.DecodeRune(typed)
	if r == pasteKey || r == suspendKey || unicode.IsControl(r) && !strings.ContainsRune(knownControls, r) {
		return "", size
	}
	return string(typed[:size]), size
}
