package repl

import "strings"

// wrapLines breaks the lines of a text that are wider than the window between words.
func wrapLines(text string, columns int) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = wrapped(lines[i], columns)
	}
	return strings.Join(lines, "\n")
}

// wrapped is a line broken between words where it is wider than the window. What is
// broken off is indented further than the line.
func wrapped(line string, columns int) string {
	if textWidth(line) <= columns {
		return line
	}
	const deeper = 2
	blanks := len(line) - len(strings.TrimLeft(line, " "))
	indent := 0
	if blanks > 0 {
		indent = min(blanks+deeper, columns/2)
	}
	var b strings.Builder
	b.WriteString(line[:blanks])
	column, started := blanks, false
	for word := range strings.SplitSeq(line[blanks:], " ") {
		width := textWidth(word)
		switch {
		case !started:
			started = true
		case column+1+width > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// appendPair writes a line of two columns, the second of which begins at a column and
// goes on below itself, or on rows of its own where the window is too narrow for both.
func appendPair(b *strings.Builder, left, right string, at, columns int) {
	b.WriteString(left)
	column := len(left)
	if columns < at+20 {
		at = min(4, columns/4)
		column = columns
	}
	for word := range strings.FieldsSeq(right) {
		if column > at && column+1+len(word) >= columns {
			b.WriteString("\n" + strings.Repeat(" ", at) + word)
			column = at + len(word)
			continue
		}
		pad := max(1, at-column)
		b.WriteString(strings.Repeat(" ", pad) + word)
		column += pad + len(word)
	}
	b.WriteByte('\n')
}
