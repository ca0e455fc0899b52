package repl

import (
	"fmt"
	"strings"
)

// menu is the list of completions under the line. The first TAB completes as far
// as all of them agree and shows them, each further one puts the next of them into
// the line; any other key goes on with the line as it is.
type menu struct {
	completions
	to     int // where the word that is completed ends now
	chosen int // the word that is in the line, -1 for none
}

// open tells whether there is anything to choose from.
func (m *menu) open() bool { return len(m.words) > 1 }

// apply puts what a TAB makes of the word before the cursor into the line.
func (m *menu) apply(line []rune, cursor int, found completions) ([]rune, int) {
	if m.open() {
		m.chosen = (m.chosen + 1) % len(m.words)
		return m.replace(line, m.words[m.chosen])
	}
	*m = menu{completions: found, to: cursor, chosen: -1}
	switch len(m.words) {
	case 0:
		return line, cursor
	case 1:
		text := m.words[0]
		if cursor == len(line) || !isBlank(line[cursor]) {
			text += m.end
		}
		return m.replace(line, text)
	}
	if common := commonPrefix(m.words); !m.more && len([]rune(common)) > cursor-m.from {
		return m.replace(line, common)
	}
	return line, cursor
}

// replace puts text in the place of the word.
func (m *menu) replace(line []rune, text string) ([]rune, int) {
	runes := []rune(text)
	changed := append([]rune(nil), line[:m.from]...)
	changed = append(append(changed, runes...), line[m.to:]...)
	m.to = m.from + len(runes)
	return changed, m.to
}

// commonPrefix is what all words begin with, in whole characters.
func commonPrefix(words []string) string {
	prefix := []rune(words[0])
	for _, w := range words[1:] {
		n := 0
		for _, r := range w {
			if n == len(prefix) || prefix[n] != r {
				break
			}
			n++
		}
		prefix = prefix[:n]
	}
	return string(prefix)
}

// maxMenuRows bounds how much of a window a menu takes.
const maxMenuRows = 10

// rows lays the words out in columns: the part of them that the chosen one is in, if
// there are too many.
func (m *menu) rows(columns, height int, p *palette) []string {
	if !m.open() {
		return nil
	}
	cell := 0
	for _, w := range m.words {
		cell = max(cell, textWidth(visible(w)))
	}
	cell = min(cell, columns-1)
	perRow := max(1, (columns-1+2)/(cell+2))
	visibleRows := max(1, min(maxMenuRows, height-3))
	perPage := perRow * visibleRows
	first := max(m.chosen, 0) / perPage * perPage
	var rows []string
	for i := first; i < min(first+perPage, len(m.words)); i += perRow {
		rows = append(rows, m.row(i, min(i+perRow, len(m.words)), cell, p))
	}
	if len(m.words) > perPage || m.more {
		of := ""
		if m.more {
			of = "more than "
		}
		text := fmt.Sprintf("(%d to %d of %s%d)", first+1, min(first+perPage, len(m.words)), of, len(m.words))
		rows = append(rows, shorten(text, columns-1))
	}
	return rows
}

// row is the words from..to in cells of that width.
func (m *menu) row(from, to, cell int, p *palette) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		text := shorten(visible(m.words[i]), cell)
		if i == m.chosen && p[styleChosen] != "" {
			b.WriteString(p[styleChosen] + text + plainStyle)
		} else {
			b.WriteString(text)
		}
		if i+1 < to {
			b.WriteString(strings.Repeat(" ", cell+2-textWidth(text)))
		}
	}
	return b.String()
}

// visible is text without what a terminal would not simply show.
func visible(text string) string { return string(appendVisible(nil, []byte(text))) }
