package repl

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// position is a place on the screen, counted from the first column of the row
// of the prompt. A column equal to the width is where a terminal keeps its cursor
// after it has filled a row: the next character goes to the next one.
type position struct{ row, column int }

// picture is what is sent to the terminal, and where that takes the cursor.
type picture struct {
	width   int
	palette *palette
	text    []byte
	at      position
	style   style
	breaks  []rowBreak // a row begins behind each
}

// rowBreak is a place in the text of a picture where a row begins.
type rowBreak struct {
	at    int
	style style
}

// add writes a character of the line, or what stands for it.
func (p *picture) add(r rune) {
	switch {
	case r == '\n':
		p.newline()
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

// use switches to a style.
func (p *picture) use(s style) {
	if p.style == s || p.palette[p.style] == p.palette[s] {
		p.style = s
		return
	}
	if p.palette[p.style] != "" {
		p.text = append(p.text, plainStyle...)
	}
	p.text = append(p.text, p.palette[s]...)
	p.style = s
}

func (p *picture) put(r rune, width int) {
	p.wrap(width)
	p.at.column += width
	p.text = utf8.AppendRune(p.text, r)
}

// next is where add would put a character.
func (p *picture) next(r rune) position {
	if p.at.column+runeWidth(r) > p.width {
		return position{row: p.at.row + 1}
	}
	return p.at
}

// wrap goes to the next row, as the terminal does by itself, if there is no place
// for a character of that width.
func (p *picture) wrap(width int) {
	if p.at.column+width > p.width {
		p.beginRow()
	}
}

func (p *picture) beginRow() {
	p.at = position{row: p.at.row + 1}
	p.breaks = append(p.breaks, rowBreak{len(p.text), p.style})
}

func (p *picture) newline() {
	p.text = append(p.text, "\r\n"...)
	p.beginRow()
}

// settle takes the cursor to where the next character would go.
func (p *picture) settle() {
	if p.at.column == p.width { // only a character makes the terminal go to the next row
		p.wrap(1)
		p.text = append(p.text, " \r"...)
	}
}

// cut leaves no more rows than fit a window, that of the place keep among them, and
// returns how many are gone from the top. A terminal cannot change rows that it has
// scrolled away.
func (p *picture) cut(height int, keep position) (top int) {
	rows := len(p.breaks) + 1
	if rows <= height {
		return 0
	}
	top = min(rows-height, keep.row)
	if last := top + height; last < rows {
		p.text, p.at = p.text[:p.breaks[last-1].at], position{row: last - 1}
		for len(p.text) > 0 && (p.text[len(p.text)-1] == '\n' || p.text[len(p.text)-1] == '\r') {
			p.text = p.text[:len(p.text)-1]
		}
	}
	if top > 0 {
		first := p.breaks[top-1]
		p.text = append([]byte(p.palette[first.style]), p.text[first.at:]...)
	}
	return top
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
