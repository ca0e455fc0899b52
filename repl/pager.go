package repl

import (
	"bytes"
	"os"
	"os/exec"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// defaultPager shows what is longer than the screen. less leaves at once, and the text
// where it is, when it fits after all.
const defaultPager = "less"

// lessOptions are those of less where its user has none: leave if the text fits on
// the screen, keep colours, do not clear the screen.
const lessOptions = "LESS=FRX"

// page shows text with the pager if it is longer than the screen. It returns false if
// it has shown nothing.
func (s *shell) page(text []byte) bool {
	if !s.paging || s.file != nil || s.quiet || !isatty.IsTerminal(os.Stdout.Fd()) || os.Getenv("TERM") == "dumb" {
		return false
	}
	width, height := windowSize(os.Stdout)
	if screenRows(text, width, height) < height {
		return false
	}
	pager := choosePager()
	if pager == "" || pager == "cat" {
		return false
	}
	return s.runProgram(pager, bytes.NewReader(text)) != errNoProgram
}

// choosePager is the pager that the user wants, "" for none.
func choosePager() string {
	if pager, set := os.LookupEnv("PAGER"); set {
		return pager
	}
	if _, err := exec.LookPath(defaultPager); err != nil {
		return ""
	}
	return defaultPager
}

// screenRows counts the rows that text takes, up to limit.
func screenRows(text []byte, width, limit int) int {
	rows, column := 0, 0
	for len(text) > 0 && rows < limit {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r == '\n' {
			rows, column = rows+1, 0
			continue
		}
		w := runeWidth(r)
		if r == '\t' {
			w = 8 - column%8
		}
		if column += w; column > width {
			rows, column = rows+1, w
		}
	}
	return rows
}
