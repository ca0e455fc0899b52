package repl

// word is a word of a line that is being typed, as the grammar of commands has it.
type word struct {
	from, to int    // its characters in the line, quotes included
	text     string // what it stands for, as far as it is there
	quote    rune   // the quote that it begins with, 0 if there is none
	open     bool   // that quote is not closed
}

// splitLine splits a line into words as wire.Reader does, but it can be one that is
// not finished yet: the last quote may be open, and faults are overlooked.
func splitLine(line []rune) []word {
	var words []word
	for i := 0; ; {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return words
		}
		w := word{from: i}
		if c := line[i]; c == '"' || c == '\'' {
			w.quote, w.open = c, true
			i = w.readQuoted(line, i+1)
		} else {
			for i < len(line) && !isBlank(line[i]) {
				i++
			}
			w.text = string(line[w.from:i])
		}
		w.to = i
		words = append(words, w)
	}
}

// readQuoted reads up to behind the closing quote and returns that place.
func (w *word) readQuoted(line []rune, i int) int {
	var text []byte
	for i < len(line) {
		c := line[i]
		i++
		switch {
		case c == w.quote:
			w.open = false
		case c == '\\' && i < len(line) && w.quote == '"':
			text, i = appendUnescaped(text, line, i)
			continue
		case c == '\\' && i < len(line) && line[i] == '\'':
			text = append(text, '\'')
			i++
			continue
		default:
			text = append(text, string(c)...)
			continue
		}
		break
	}
	w.text = string(text)
	return i
}

// appendUnescaped appends what the escape stands for whose backslash is before line[i],
// and returns the place behind it.
func appendUnescaped(text []byte, line []rune, i int) ([]byte, int) {
	c := line[i]
	switch c {
	case 'n':
		return append(text, '\n'), i + 1
	case 'r':
		return append(text, '\r'), i + 1
	case 't':
		return append(text, '\t'), i + 1
	case 'b':
		return append(text, '\b'), i + 1
	case 'a':
		return append(text, '\a'), i + 1
	case 'x':
		if i+2 < len(line) {
			if hi, lo := hexDigit(line[i+1]), hexDigit(line[i+2]); hi >= 0 && lo >= 0 {
				return append(text, byte(hi<<4|lo)), i + 3
			}
		}
	}
	return append(text, string(c)...), i + 1
}

// hexDigit returns -1 for what is none.
func hexDigit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r|0x20 >= 'a' && r|0x20 <= 'f':
		return int(r|0x20-'a') + 10
	}
	return -1
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// texts are what the words stand for.
func texts(words []word) []string {
	all := make([]string, len(words))
	for i := range words {
		all[i] = words[i].text
	}
	return all
}
