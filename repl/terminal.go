package repl

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// terminal is the mode of the terminal that commands are typed on. While the
// shell runs it is in one of two, and the one it was found in comes back whenever
// the shell ends or is suspended:
//
//	edit   every key comes at once, Ctrl-C and Ctrl-Z too, and is shown by readline
//	run    while a command runs: keys wait, unseen, for the next line; Ctrl-C and
//	       Ctrl-Z are signals, for that command
//
// Keys mean the same in both modes, so what is typed ahead is taken as it was
// meant; in the terminal's own line mode a Ctrl-D would turn into a NUL.
type terminal struct {
	fd int

	original unix.Termios
	editing  unix.Termios
	running  unix.Termios

	busy    atomic.Bool   // the mode is run
	mu      sync.Mutex    // guards the terminal's mode and current
	current *unix.Termios // what it is, or was before restore; nil at first
	lent    bool          // another program has the terminal
}

// openTerminal remembers the mode of a terminal and does not change it. With plain
// it never does: the terminal lets the user edit lines.
func openTerminal(file *os.File, plain bool) (*terminal, error) {
	t := &terminal{fd: int(file.Fd())}
	original, err := unix.IoctlGetTermios(t.fd, ioctlGetTermios)
	if err != nil {
		return nil, os.NewSyscallError("tcgetattr", err)
	}
	t.original, t.running, t.editing = *original, *original, *original
	if plain {
		return t, nil
	}
	t.running.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL | unix.IEXTEN
	// Without NOFLSH Ctrl-C would drop output too, even the prompt that comes next.
	t.running.Lflag |= unix.ISIG | unix.NOFLSH
	t.running.Cc[unix.VMIN], t.running.Cc[unix.VTIME] = 1, 0

	t.editing = t.running // output stays as it is: "\n" still begins a new line
	t.editing.Lflag &^= unix.ISIG
	t.editing.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.editing.Cflag &^= unix.CSIZE | unix.PARENB
	t.editing.Cflag |= unix.CS8
	return t, nil
}

func (t *terminal) editMode() error {
	err := t.enter(&t.editing)
	t.busy.Store(false)
	return err
}

func (t *terminal) runMode() error {
	t.busy.Store(true) // before Ctrl-C is a signal
	return t.enter(&t.running)
}

func (t *terminal) enter(mode *unix.Termios) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = mode
	return unix.IoctlSetTermios(t.fd, ioctlSetTermios, mode)
}

// restore gives the terminal back as it was found. reenter undoes it.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil {
		unix.IoctlSetTermios(t.fd, ioctlSetTermios, &t.original)
	}
}

// lend gives the terminal to another program as it was found, until takeBack.
func (t *terminal) lend() {
	t.restore()
	t.setLent(true)
}

func (t *terminal) takeBack() {
	t.setLent(false)
	t.reenter()
}

func (t *terminal) setLent(lent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent = lent
}

// reenter returns to the mode before restore: the shell goes on after it was stopped.
func (t *terminal) reenter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil && !t.lent {
		unix.IoctlSetTermios(t.fd, ioctlSetTermios, t.current)
	}
}

// windowSize is the size of the window that file shows, 80 x 24 if it does not say.
func windowSize(file *os.File) (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}
