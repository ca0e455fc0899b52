package repl

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"
)

// screen draws the prompt and the line that readline edits. readline's own
// drawing counts a character as a column when it moves the cursor back, which is
// wrong with wide ones, and can loop for ever in narrow windows. So what it
// writes for that is replaced: it hands the line to Paint (as its Painter) and
// writes the picture next, or it writes clearLine, both to Write (as its Stdout).
// The rest of what it writes, such as the list of completions, passes.
type screen struct {
	out   io.Writer
	width func() int

	mu      sync.Mutex // guards what follows: suspending happens beside the drawing
	prompt  string
	line    []rune
	cursor  int
	painted bool // the next write is readline's picture of line
	over    bool // the line has been entered: nothing more of it is drawn
	row     int  // where the terminal's cursor is, counted from the row of the prompt
}

// clearLine is what readline begins with when it takes a line from the screen.
const clearLine = "\x1b[J"

// begin prepares for a new line on a row of its own.
func (s *screen) begin(prompt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompt, s.over, s.row = prompt, false, 0
}

// Paint takes the line that is to be drawn. readline gets nothing back to draw.
func (s *screen) Paint(line []rune, cursor int) []rune {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line, s.cursor, s.painted = append(s.line[:0], line...), cursor, true
	return nil
}

// Write draws the line if b is readline's picture of it, drops b if it only
// clears the line, which drawing does itself, and passes it on otherwise.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.painted:
		s.painted = false
		return len(b), s.draw()
	case bytes.HasPrefix(b, []byte(clearLine)):
		return len(b), nil
	}
	// Chosen completions are reversed rather than coloured.
	_, err := s.out.Write(bytes.ReplaceAll(b, []byte("\x1b[30;47m"), []byte("\x1b[7m")))
	return len(b), err
}

// draw replaces the line on the screen and puts the cursor in its place.
func (s *screen) draw() error {
	if s.over || s.cursor > 0 && s.line[s.cursor-1] == pasteKey { // the paste itself comes next
		return nil
	}
	line := s.line
	s.over = len(line) > 0 && line[len(line)-1] == '\n'
	if s.over {
		line = line[:len(line)-1]
	}
	p := picture{width: max(s.width(), 2)}
	p.up(s.row)
	p.text = append(p.text, clearLine...)
	for _, r := range s.prompt {
		p.add(r)
	}
	var cursor position
	for i, r := range line {
		if i == s.cursor {
			cursor = p.next(r)
		}
		p.add(r)
	}
	switch {
	case s.over:
		p.text = append(p.text, '\n')
	case s.cursor < len(line):
		p.settle()
		p.moveBack(cursor)
	default:
		p.settle()
	}
	s.row = p.at.row
	_, err := s.out.Write(p.text)
	return err
}

// leave puts the cursor below the line, which is drawn anew the next time.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.row = 0
	io.WriteString(s.out, "\n")
}

// position is a place on the screen, counted from the first column of the row
// of the prompt. A column equal to the width is where a terminal keeps its cursor
// after it has filled a row: the next character goes to the next one.
type position struct{ row, column int }

// picture is what is sent to the terminal, and where that takes the cursor.
type picture struct {
	width int
	text  []byte
	at    position
}

// add writes a character of the line, or what stands for it.
func (p *picture) add(r rune) {
	switch {
	case r == '\t':
		for range 4 {
			p.put(' ', 1)
		}
	case unicode.IsControl(r):
		p.put('^', 1)
		p.put('@'|r&0x1f, 1)
	default:
		p.put(r, runeWidth(r))
	}
}

func (p *picture) put(r rune, width int) {
	p.wrap(width)
	p.at.column += width
	p.text = utf8.AppendRune(p.text, r)
}

// next is where add would put a character.
func (p *picture) next(r rune) position {
	after := *p
	after.wrap(runeWidth(r))
	return after.at
}

// wrap goes to the next row, as the terminal does by itself, if there is no place
// for a character of that width.
func (p *picture) wrap(width int) {
	if p.at.column+width > p.width {
		p.at = position{row: p.at.row + 1}
	}
}

// settle takes the cursor to where the next character would go.
func (p *picture) settle() {
	if p.at.column == p.width { // only a character makes the terminal go to the next row
		p.text = append(p.text, " \r"...)
		p.wrap(1)
	}
}

// moveBack moves the cursor to an earlier place.
func (p *picture) moveBack(to position) {
	p.up(p.at.row - to.row)
	if to.column > 0 {
		p.text = append(p.text, "\x1b["...)
		p.text = strconv.AppendInt(p.text, int64(to.column), 10)
		p.text = append(p.text, 'C')
	}
	p.at = to
}

// up moves the cursor to the first column, so many rows further up.
func (p *picture) up(rows int) {
	p.text = append(p.text, '\r')
	if rows > 0 {
		p.text = append(p.text, "\x1b["...)
		p.text = strconv.AppendInt(p.text, int64(rows), 10)
		p.text = append(p.text, 'A')
	}
}
