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
// what is left beside the prompt; screen knows the true width.
const minColumns = 40

// editor reads lines that can be edited, with chzyer/readline. What that does
// wrong is put right around it: input in keyboard, drawing in screen, the history
// file in history, completion in menu.
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
	menu      menu
	command   bool // the line may be a command

	columns int
	resized func()      // tells readline that the window has another width
	empty   atomic.Bool // the line is
}

func newEditor(keys *keyboard, term *terminal, out *os.File, h *history, suspend func()) (*editor, error) {
	size := func() (int, int) { return windowSize(out) }
	e := &editor{keys: keys, history: h, suspend: suspend}
	e.screen = &screen{out: out, size: size, palette: choosePalette(), look: e.look}
	e.columns = e.width()
	rl, err := readline.NewEx(&readline.Config{
		Stdin:                  keys,
		Stdout:                 e.screen,
		Stderr:                 e.screen,
		Painter:                e.screen,
		Listener:               readline.FuncListener(e.changed),
		FuncFilterInputRune:    e.filter,
		AutoComplete:           silent{},
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

// silent is a completer to readline that keeps it from doing anything at a TAB but
// call changed.
type silent struct{}

func (silent) Do([]rune, int) ([][]rune, int) { return nil, 0 }

func (e *editor) width() int { return max(e.screen.width(), minColumns) }

func (e *editor) readLine(prompt string, command bool) (string, error) {
	e.command, e.menu = command, menu{}
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
	e.screen.key(endsLine(key))
	if key != readline.CharTab {
		e.menu = menu{}
	}
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

// endsLine tells whether a key may end the line; 0 is the end of the input.
func endsLine(key rune) bool {
	switch key {
	case readline.CharEnter, readline.CharCtrlJ, readline.CharInterrupt, readline.CharDelete, 0:
		return true
	}
	return false
}

// changed sees the line after each key. It puts a pasted text in the place of the
// key that stands for it, and what TAB makes of the line.
func (e *editor) changed(line []rune, cursor int, key rune) (_ []rune, _ int, replaced bool) {
	switch {
	case key == pasteKey && cursor > 0 && line[cursor-1] == pasteKey:
		text := <-e.keys.pastes
		line = slices.Replace(line, cursor-1, cursor, text...)
		cursor += len(text) - 1
		replaced = true
	case key == readline.CharTab && !e.rl.Operation.IsSearchMode():
		line, cursor = e.tab(line, cursor)
		replaced = true
	}
	e.empty.Store(len(line) == 0)
	return line, cursor, replaced
}

// tab completes the word before the cursor, or is a TAB where the line is no command.
func (e *editor) tab(line []rune, cursor int) ([]rune, int) {
	if !e.command {
		return slices.Insert(line, cursor, '\t'), cursor + 1
	}
	var found completions
	if !e.menu.open() {
		found = e.completer.find(line[:cursor])
	}
	line, cursor = e.menu.apply(line, cursor, found)
	columns, rows := e.screen.size()
	e.screen.show(e.menu.rows(columns, rows, e.screen.palette))
	return line, cursor
}

// look is how a line is shown while it is edited.
func (e *editor) look(line []rune, cursor int) (styles []style, text string) {
	if !e.command || slices.Contains(line, '\n') {
		return nil, ""
	}
	if cursor == len(line) && len(line) > 0 && !e.menu.open() && len(line) <= maxHinted && !e.rl.Operation.IsSearchMode() {
		text = hint(line)
	}
	if len(line) <= maxHinted {
		styles = highlight(line)
	}
	return styles, text
}

// maxHinted is the longest line, in characters, that is looked at at every key.
const maxHinted = 10_000

func (e *editor) leave() { e.screen.leave() }

func (e *editor) redraw() {
	e.screen.resume()
	e.rl.Refresh()
}
