package repl

import (
	"errors"
	"os"
	"slices"
	"sync/atomic"

	"github.com/chzyer/readline"
)

// errInterrupted is what readLine returns when the line was cancelled with Ctrl-C.
var errInterrupted = errors.New("interrupted")

// lineReader asks for one line after another.
type lineReader interface {
	// readLine shows the prompt and returns the line that is entered, without
	// its end; errInterrupted when it was cancelled, io.EOF at the end, errGone
	// when the terminal is gone. A line that may be a command can be completed.
	readLine(prompt string, command bool) (string, error)
	// leave puts the cursor on a row of its own, in the middle of readLine, and
	// redraw shows the line again.
	leave()
	redraw()
}

// minColumns is the narrowest window that readline is told of. It divides by
// what is left beside the prompt or a completion; screen knows the true width.
const minColumns = 40

// editor reads lines that can be edited, with chzyer/readline. What that does
// wrong is put right around it: input in keyboard, drawing in screen, the history
// file in history.
//
// readline has a goroutine for the keys and one for the line. They work only
// during readLine and end with the process: readline's own Close can wait for ever.
type editor struct {
	keys    *keyboard
	screen  *screen
	history *history
	suspend func() // what Ctrl-Z does
	rl      *readline.Instance

	completer completer

	columns int
	resized func()      // tells readline that the window has another width
	empty   atomic.Bool // the line is
}

func newEditor(keys *keyboard, term *terminal, out *os.File, h *history, suspend func()) (*editor, error) {
	width := func() int { return columns(out) }
	e := &editor{keys: keys, history: h, suspend: suspend, screen: &screen{out: out, width: width}}
	e.completer.room = func() bool { return width() >= minColumns }
	e.columns = e.width()
	rl, err := readline.NewEx(&readline.Config{
		Stdin:                  keys,
		Stdout:                 e.screen,
		Stderr:                 e.screen,
		Painter:                e.screen,
		Listener:               readline.FuncListener(e.changed),
		FuncFilterInputRune:    e.filter,
		AutoComplete:           &e.completer,
		HistoryLimit:           maxEntries + 1,
		HistorySearchFold:      true,
		DisableAutoSaveHistory: true,
		EOFPrompt:              "\n", // means nothing
		ForceUseInteractive:    true,
		FuncIsTerminal:         func() bool { return true },
		FuncMakeRaw:            term.editMode,
		FuncExitRaw:            term.runMode,
		FuncGetWidth:           e.width,
		FuncOnWidthChanged:     func(f func()) { e.resized = f },
	})
	if err != nil {
		return nil, err
	}
	e.rl = rl
	return e, nil
}

func (e *editor) width() int { return max(e.screen.width(), minColumns) }

func (e *editor) readLine(prompt string, command bool) (string, error) {
	e.completer.off = !command
	e.loadHistory()
	e.resize()
	e.screen.begin(prompt)
	e.rl.SetPrompt(prompt)
	line, err := e.rl.Readline()
	switch {
	case errors.Is(err, readline.ErrInterrupt):
		return "", errInterrupted
	case e.keys.gone.Load():
		return "", errGone
	}
	return line, err
}

// loadHistory gives readline the history afresh: it keeps what was changed in
// an old line until the next is saved, and an empty one makes its search panic.
func (e *editor) loadHistory() {
	e.rl.ResetHistory()
	if len(e.history.entries) == 0 {
		e.rl.SaveHistory("")
	}
	for _, line := range e.history.entries {
		e.rl.SaveHistory(line)
	}
}

// resize tells readline the width of the window if it has changed. Only the
// goroutine that draws may do so: readline does not guard it.
func (e *editor) resize() {
	if width := e.width(); width != e.columns {
		e.columns = width
		e.resized()
	}
}

// filter sees each key before readline does.
func (e *editor) filter(key rune) (rune, bool) {
	e.resize()
	switch {
	case key == readline.CharDelete && !e.keys.isEnd() && e.empty.Load():
		// To readline the Delete key is Ctrl-D, which on an empty line is the end.
		return key, false
	case key == pasteKey && e.rl.Operation.IsSearchMode():
		<-e.keys.pastes
		return readline.CharBell, true // ends the search
	case key == suspendKey:
		e.suspend()
		return readline.CharBell, true // does nothing but end a search
	}
	return key, true
}

// changed sees the line after each key. It puts a pasted text in the place of the
// key that stands for it.
func (e *editor) changed(line []rune, cursor int, key rune) ([]rune, int, bool) {
	replaced := key == pasteKey && cursor > 0 && line[cursor-1] == pasteKey
	if replaced {
		text := <-e.keys.pastes
		line = slices.Replace(line, cursor-1, cursor, text...)
		cursor += len(text) - 1
	}
	e.empty.Store(len(line) == 0)
	return line, cursor, replaced
}

func (e *editor) leave() { e.screen.leave() }

func (e *editor) redraw() { e.rl.Refresh() }
