package repl

import "os"

// style is how a character is shown.
type style uint8

const (
	stylePlain style = iota
	styleCommand
	styleUnknown // a command that does not exist
	styleOption
	styleKey
	styleString
	styleComment
	styleHint
	styleChosen
	styleError
)

// palette is what switches a terminal to each style ("" is the terminal's own).
type palette [styleError + 1]string

// colours are the palette of terminals that may show colours: the eight that
// everybody can choose for themselves, and grey.
var colours = palette{
	styleCommand: "\x1b[1;32m", styleUnknown: "\x1b[31m", styleOption: "\x1b[36m", styleKey: "\x1b[34m",
	styleString: "\x1b[33m", styleComment: "\x1b[90m", styleHint: "\x1b[90m", styleChosen: "\x1b[7m", styleError: "\x1b[31m",
}

// monochrome is the palette under NO_COLOR: a hint must still not look as if it had
// been typed.
var monochrome = palette{styleHint: "\x1b[2m", styleChosen: "\x1b[7m"}

// plainStyle switches back to what the terminal shows by itself.
const plainStyle = "\x1b[0m"

// highlight gives each character of a line its style.
func highlight(line []rune) []style {
	styles := make([]style, len(line))
	words := splitLine(line)
	if len(words) == 0 {
		return styles
	}
	switch line[words[0].from] {
	case '#':
		paint(styles, 0, len(line), styleComment)
		return styles
	case '[':
		return styles
	case '\\':
		paint(styles, words[0].from, words[0].to, styleCommand)
		return styles
	}
	s := analyse(texts(words))
	if s == nil && words[0].to < len(line) { // behind a blank: the name is complete
		paint(styles, words[0].from, words[0].to, styleUnknown)
	}
	for i, w := range words {
		switch {
		case s != nil && s.roles[i] == roleCommand:
			paint(styles, w.from, w.to, styleCommand)
		case s != nil && s.roles[i] == roleOption:
			paint(styles, w.from, w.to, styleOption)
		case s != nil && s.roles[i] == roleKey:
			paint(styles, w.from, w.to, styleKey)
		case w.quote != 0:
			paint(styles, w.from, w.to, styleString)
		}
	}
	return styles
}

func paint(styles []style, from, to int, s style) {
	for i := from; i < to; i++ {
		styles[i] = s
	}
}

// choosePalette is the palette for a terminal, by https://no-color.org.
func choosePalette() *palette {
	switch {
	case os.Getenv("TERM") == "dumb":
		return &palette{}
	case os.Getenv("NO_COLOR") != "":
		return &monochrome
	}
	return &colours
}
