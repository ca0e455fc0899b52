package repl

import (
	"bytes"
	"io"
	"sync"
)

// screen draws the prompt and the line that readline edits. readline's own
// drawing counts a character as a column when it moves the cursor back, which is
// wrong with wide ones, and can loop for ever in narrow windows. So what it
// writes for that is replaced: it hands the line to Paint (as its Painter) and
// writes the picture next, to Write (as its Stdout). Its search line is shown below the
// line.
type screen struct {
	out     io.Writer
	size    func() (columns, rows int)
	palette *palette
	// look returns the style of each character of a line, and what to show behind
	// it; nil shows it plainly.
	look func(line []rune, cursor int) (styles []style, hint string)

	mu      sync.Mutex // guards what follows: suspending happens beside the drawing
	prompt  string
	line    []rune
	cursor  int
	below   []string // rows under the line, until the next key
	painted bool     // the next write is readline's picture of line
	final   bool     // the key under way ends the line
	over    bool     // the line has been entered: nothing more of it is drawn
	row     int      // where the terminal's cursor is, counted from the row of the prompt
	columns int      // of the window that row was counted in
	before  []rune   // prompt and line up to the cursor then
}

// What terminals understand.
const (
	clearLine  = "\x1b[J" // and all that is below
	cursorHome = "\x1b[H"
	bell       = "\a"
)

// Between these the terminal marks what is pasted.
const (
	pasteModeOn  = "\x1b[?2004h"
	pasteModeOff = "\x1b[?2004l"
)

// begin prepares for a new line on a row of its own.
func (s *screen) begin(prompt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompt, s.over, s.below = prompt, false, nil
	s.atTop()
	s.line, s.cursor = s.line[:0], 0
	io.WriteString(s.out, pasteModeOn)
}

// key prepares for what a key does to the line: readline adds a line end to it if
// the key is one that ends it.
func (s *screen) key(final bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final, s.below = final, nil
}

// show puts rows under the line when it is drawn the next time. They must be
// narrower than the window.
func (s *screen) show(rows []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.below = rows
}

// Paint takes the line that is to be drawn. readline gets nothing back to draw.
func (s *screen) Paint(line []rune, cursor int) []rune {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line, s.cursor, s.painted = append(s.line[:0], line...), cursor, true
	return nil
}

// Write draws the line if b is readline's picture of it, shows its search line below it,
// and passes the bell and Ctrl-L. Everything else would take the line from the screen,
// which drawing does itself, and comes in pieces if the line is long.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.painted:
		s.painted = false
		return len(b), s.draw()
	case bytes.Contains(b, []byte("-i-search: ")):
		s.below = []string{searchLine(b, s.width())}
		return len(b), s.draw()
	case string(b) == bell || string(b) == cursorHome:
		return s.out.Write(b)
	}
	return len(b), nil
}

// searchLine is the text of what readline draws to show what is searched for.
func searchLine(b []byte, width int) string {
	if i := bytes.Index(b, []byte(clearLine)); i >= 0 {
		b = b[i+len(clearLine):]
	}
	if i := bytes.IndexByte(b, '\x1b'); i >= 0 {
		b = b[:i]
	}
	return shorten(string(appendVisible(nil, b)), width-1)
}

func (s *screen) width() int {
	columns, _ := s.size()
	return max(columns, 2)
}

// draw replaces the line on the screen and puts the cursor in its place.
func (s *screen) draw() error {
	if s.over || s.cursor > 0 && s.line[s.cursor-1] == pasteKey { // the paste itself comes next
		return nil
	}
	s.reflow()
	line := s.line
	s.over = s.final && len(line) > 0 && line[len(line)-1] == '\n'
	if s.over {
		line = line[:len(line)-1]
	}
	p := picture{width: s.width(), palette: s.palette}
	if p.palette == nil {
		p.palette = &palette{}
	}
	for _, r := range s.prompt {
		p.add(r)
	}
	cursor := s.drawLine(&p, line)
	if s.over {
		p.text = append(p.text, pasteModeOff+"\n"...)
		return s.replace(p.text, p.at.row)
	}
	_, height := s.size()
	top := p.cut(max(height, 1), cursor)
	p.moveBack(cursor)
	s.before = append(append(s.before[:0], []rune(s.prompt)...), line[:s.cursor]...)
	return s.replace(p.text, cursor.row-top)
}

// reflow counts anew where the cursor is when the window has another width: terminals
// join the rows that a line was broken into and break it again. The few that don't, such
// as xterm, show a rest of the line in a window that has become wider, and lose a row of
// what was above it in a narrower one.
func (s *screen) reflow() {
	width := s.width()
	if width != s.columns && len(s.before) > 0 {
		p := picture{width: width}
		for _, r := range s.before {
			p.add(r)
		}
		s.row = p.next(' ').row
	}
	s.columns = width
}

// atTop is the state of a cursor that is where the prompt is going to be.
func (s *screen) atTop() { s.row, s.before = 0, s.before[:0] }

// drawLine adds the line, and what is shown with it while it is edited. It returns
// where the cursor belongs.
func (s *screen) drawLine(p *picture, line []rune) (cursor position) {
	var styles []style
	hint := ""
	if s.look != nil {
		styles, hint = s.look(line, s.cursor)
	}
	for i, r := range line {
		if i == s.cursor {
			cursor = p.next(r)
		}
		if i < len(styles) {
			p.use(styles[i])
		}
		p.add(r)
	}
	p.use(stylePlain)
	if s.over {
		return cursor
	}
	if s.cursor >= len(line) {
		cursor = p.next(' ')
		p.use(styleHint)
		for _, r := range shortenHint(hint, s.hintRoom(p)) {
			p.add(r)
		}
		p.use(stylePlain)
	}
	if cursor.row > p.at.row {
		p.settle()
	}
	for _, row := range s.below {
		p.newline()
		p.text = append(p.text, row...)
	}
	return cursor
}

// hintRoom is how many columns a hint may take: the rest of its row and the next,
// if the window has room for that.
func (s *screen) hintRoom(p *picture) int {
	rest := p.width - p.at.column - 1
	if _, height := s.size(); p.at.row+len(s.below)+2 < height {
		rest += p.width
	}
	return rest
}

// replace sends a picture in the place of the one before; row is where it leaves the
// cursor.
func (s *screen) replace(text []byte, row int) error {
	p := picture{}
	p.up(s.row)
	p.text = append(append(p.text, clearLine...), text...)
	s.row = row
	_, err := s.out.Write(p.text)
	return err
}

// leave puts the cursor below the line, which is drawn anew the next time, and
// takes away what was shown beside it.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.below, s.cursor = nil, len(s.line)
	look := s.look
	s.look = nil
	s.draw()
	s.look = look
	s.atTop()
	io.WriteString(s.out, pasteModeOff+"\n")
}

// resume undoes what leave did to the terminal.
func (s *screen) resume() { io.WriteString(s.out, pasteModeOn) }
