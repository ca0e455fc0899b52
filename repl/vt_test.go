package repl

import (
	"strings"
	"unicode/utf8"
)

// vt is a terminal as far as the shell needs one: characters of one and two
// columns, rows that wrap and scroll, and the escape sequences that move the
// cursor and clear. Like xterm it keeps the cursor at the last column after that
// was filled, until the next character.
type vt struct {
	width, height int
	rows          [][]string // a string for each column: "" behind a wide character, " " where nothing was written
	goesOn        []bool     // for each row: what is in the next belongs to it
	row, column   int
	filled        bool   // the next character goes to the next row
	hint          bool   // what is written is grey or faint, as only hints are
	rest          []byte // of a character or sequence that is not complete
}

func newVT(width, height int) *vt {
	v := &vt{width: width, height: height}
	for range height {
		v.rows = append(v.rows, v.blank())
	}
	v.goesOn = make([]bool, height)
	return v
}

// resize gives the window another width, and breaks what is written into rows anew, as most
// terminals do. It knows no wide characters.
func (v *vt) resize(width int) {
	old := *v
	*v = *newVT(width, old.height)
	var at position
	for i, cells := range old.rows[:len(old.shown(strings.Clone))] {
		if !old.goesOn[i] {
			for len(cells) > 0 && cells[len(cells)-1] == " " {
				cells = cells[:len(cells)-1]
			}
		}
		for j, cell := range cells {
			if i == old.row && j == old.column {
				at = v.nextCell()
			}
			v.hint = strings.HasPrefix(cell, hintMark)
			v.put([]rune(strings.TrimPrefix(cell, hintMark))[0])
		}
		if i == old.row && old.column >= len(cells) {
			at = v.nextCell()
		}
		if !old.goesOn[i] {
			v.column = 0
			v.lineFeed()
		}
	}
	v.row, v.column, v.filled, v.hint = at.row, at.column, false, old.hint
}

// nextCell is where the next character goes.
func (v *vt) nextCell() position {
	if v.filled {
		return position{v.row + 1, 0}
	}
	return position{v.row, v.column}
}

func (v *vt) blank() []string {
	row := make([]string, v.width)
	for i := range row {
		row[i] = " "
	}
	return row
}

func (v *vt) Write(b []byte) (int, error) {
	v.rest = append(v.rest, b...)
	for len(v.rest) > 0 {
		n := v.step(v.rest)
		if n == 0 {
			break
		}
		v.rest = v.rest[n:]
	}
	return len(b), nil
}

// step takes one character or sequence and returns its length, 0 if it is not complete.
func (v *vt) step(b []byte) int {
	switch b[0] {
	case '\r':
		v.column, v.filled = 0, false
	case '\n':
		v.lineFeed()
	case '\b':
		v.column, v.filled = max(0, v.column-1), false
	case '\a':
	case '\x1b':
		return v.sequence(b)
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, size := utf8.DecodeRune(b)
		v.put(r)
		return size
	}
	return 1
}

func (v *vt) lineFeed() {
	v.filled = false
	if v.row++; v.row == v.height {
		v.row--
		v.rows = append(v.rows[1:], v.blank())
		v.goesOn = append(v.goesOn[1:], false)
	}
}

func (v *vt) put(r rune) {
	width := runeWidth(r)
	if width == 0 {
		v.rows[v.row][max(0, v.column-1)] += string(r)
		return
	}
	if v.filled || v.column+width > v.width {
		v.goesOn[v.row] = true
		v.lineFeed()
		v.column = 0
	}
	v.rows[v.row][v.column] = string(r)
	if v.hint {
		v.rows[v.row][v.column] = hintMark + string(r)
	}
	if width == 2 {
		v.rows[v.row][v.column+1] = ""
	}
	v.column += width
	if v.column >= v.width {
		v.column, v.filled = v.width-1, true
	}
}

// sequence takes "ESC [ number letter".
func (v *vt) sequence(b []byte) int {
	n, i, digits := 0, 2, false
	for ; i < len(b) && (b[i] < '@' || b[i] > '~'); i++ {
		if b[i] >= '0' && b[i] <= '9' {
			n, digits = n*10+int(b[i]-'0'), true
		}
	}
	if i >= len(b) {
		return 0
	}
	if b[1] != '[' {
		panic("a sequence that the test terminal does not know")
	}
	count := max(n, 1)
	switch b[i] {
	case 'A':
		v.row, v.filled = max(0, v.row-count), false
	case 'C':
		v.column, v.filled = min(v.width-1, v.column+count), false
	case 'H':
		v.row, v.column, v.filled = 0, 0, false
	case 'J':
		if digits && n != 0 {
			panic("J with a number")
		}
		copy(v.rows[v.row][v.column:], v.blank())
		v.goesOn[v.row] = false
		for row := v.row + 1; row < v.height; row++ {
			v.rows[row], v.goesOn[row] = v.blank(), false
		}
	case 'm':
		v.hint = digits && (n == 2 || n == 90)
	case 'h', 'l': // the terminal marks pastes, or does not
	default:
		panic("a sequence that the test terminal does not know: " + string(b[:i+1]))
	}
	return i + 1
}

// hintMark is before each character that is part of a hint.
const hintMark = "\x00"

// text is the rows up to the last that is not blank, without blanks at their ends
// and without hints.
func (v *vt) text() []string {
	return v.shown(func(cell string) string {
		if strings.HasPrefix(cell, hintMark) {
			return " "
		}
		return cell
	})
}

// textWithHints is text with hints.
func (v *vt) textWithHints() []string {
	return v.shown(func(cell string) string { return strings.TrimPrefix(cell, hintMark) })
}

func (v *vt) shown(show func(cell string) string) []string {
	var rows []string
	last := 0
	for i, row := range v.rows {
		var text strings.Builder
		for _, cell := range row {
			text.WriteString(show(cell))
		}
		rows = append(rows, strings.TrimRight(text.String(), " "))
		if rows[i] != "" {
			last = i + 1
		}
	}
	return rows[:last]
}
