package repl

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// layOut puts text on rows as a terminal does, and says where character number
// cursor is or would be.
func layOut(text []rune, cursor, width int) (rows []string, at position) {
	rows = []string{""}
	var here position
	next := func(w int) {
		if here.column+w > width {
			here = position{row: here.row + 1}
			rows = append(rows, "")
		}
	}
	for i, r := range text {
		next(runeWidth(r))
		if i == cursor {
			at = here
		}
		rows[here.row] += string(r)
		here.column += runeWidth(r)
	}
	if cursor == len(text) {
		next(1)
		at = here
	}
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " ")
	}
	for len(rows) > 0 && rows[len(rows)-1] == "" {
		rows = rows[:len(rows)-1]
	}
	return rows, at
}

// Whatever line follows whatever line, the screen shows the prompt and the new
// line, nothing of the old one, and the cursor at its place.
func TestScreenShowsTheLine(t *testing.T) {
	runes := rapid.SliceOfN(rapid.SampledFrom([]rune("ab \"{日本語한é🙂")), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(2, 30).Draw(t, "width")
		prompt := rapid.SampledFrom([]string{"", "> ", "nubdb> ", "nubdb 日本.db(tx)> "}).Draw(t, "prompt")
		term := newVT(width, 200)
		term.Write([]byte("before\r\n"))
		before := term.text()
		s := &screen{out: term, size: func() (int, int) { return width, 200 }}
		s.begin(prompt)
		for range rapid.IntRange(1, 6).Draw(t, "draws") {
			line := runes.Draw(t, "line")
			cursor := rapid.IntRange(0, len(line)).Draw(t, "cursor")
			s.Write([]byte(clearLine + "\x1b[2K\r")) // as readline does before
			s.Paint(line, cursor)
			s.Write([]byte("readline's picture"))

			shown := append([]rune(prompt), line...)
			rows, at := layOut(shown, len([]rune(prompt))+cursor, width)
			if want := append(slices.Clone(before), rows...); !slices.Equal(term.text(), want) {
				t.Fatalf("screen\n%q\nwant\n%q", term.text(), want)
			}
			at.row += len(before)
			if got := (position{term.row, term.column}); got != at || term.filled {
				t.Fatalf("cursor at %v (filled %v), want %v", got, term.filled, at)
			}
		}
	})
}

// A window that gets another width while a line is edited shows it once, below what was
// there before.
func TestScreenAfterResize(t *testing.T) {
	runes := rapid.SliceOfN(rapid.SampledFrom([]rune("ab{1")), 0, 60)
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(10, 30).Draw(t, "width")
		term := newVT(width, 200)
		term.Write([]byte("before\r\n"))
		s := &screen{out: term, size: func() (int, int) { return term.width, 200 }, palette: &monochrome}
		s.look = func([]rune, int) ([]style, string) { return nil, "what may follow" }
		s.begin("> ")
		for range rapid.IntRange(1, 4).Draw(t, "draws") {
			line := runes.Draw(t, "line")
			cursor := rapid.IntRange(0, len(line)).Draw(t, "cursor")
			s.Paint(line, cursor)
			s.Write(nil)
			rows, at := layOut(append([]rune("> "), line...), 2+cursor, term.width)
			if want := append([]string{"before"}, rows...); !slices.Equal(term.text(), want) {
				t.Fatalf("screen\n%q\nwant\n%q", term.text(), want)
			}
			if got := (position{term.row - 1, term.column}); got != at {
				t.Fatalf("cursor at %v, want %v", got, at)
			}
			term.resize(rapid.IntRange(10, 30).Draw(t, "new width"))
		}
	})
}

// What was entered stays as it is, and the next output begins on a row of its own,
// also behind a line that fills its last row.
func TestScreenAfterEnter(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
	}{
		{"GET a", []string{"> GET a", "next"}},
		{"GET 12", []string{"> GET 12", "next"}},
		{"GET 123", []string{"> GET 12", "3", "next"}},
	} {
		term := newVT(8, 6)
		s := &screen{out: crlf{term}, size: func() (int, int) { return 8, 200 }}
		s.begin("> ")
		s.key(true)
		s.Paint([]rune(test.line+"\n"), 0)
		s.Write(nil)
		s.Paint(nil, 0) // readline may draw once more
		s.Write(nil)
		term.Write([]byte("next"))
		if !slices.Equal(term.text(), test.want) {
			t.Errorf("%q: screen %q, want %q", test.line, term.text(), test.want)
		}
	}
}

// crlf is what a terminal's driver does to output.
type crlf struct{ term *vt }

func (c crlf) Write(b []byte) (int, error) {
	c.term.Write([]byte(strings.ReplaceAll(string(b), "\n", "\r\n")))
	return len(b), nil
}

// Of what is not the line only that passes which the drawing does not do itself.
func TestScreenPasses(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, size: func() (int, int) { return 80, 24 }}
	for _, written := range []string{"\a", "\x1b[J\x1b[2K\r", "\x1b[H", "\x1b[2K\r\x1b[A\x1b[2K\r", "\x1b[4m", "text"} {
		s.Write([]byte(written))
	}
	if want := "\a\x1b[H"; out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}

// The key that stands for a paste is never seen: the paste follows at once.
func TestScreenHidesPasteKey(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, size: func() (int, int) { return 80, 200 }}
	s.Paint([]rune{'a', pasteKey}, 2)
	s.Write(nil)
	if out.Len() > 0 {
		t.Errorf("wrote %q, want nothing", out.String())
	}
}

// Control characters in a line, which only a history file can bring, do nothing
// to the terminal.
func TestScreenShowsControls(t *testing.T) {
	term := newVT(20, 3)
	s := &screen{out: term, size: func() (int, int) { return 20, 200 }}
	s.begin("> ")
	s.Paint([]rune("a\x1b[H\tb"), 6)
	s.Write(nil)
	if got, want := term.text(), []string{"> a^[[H    b"}; !slices.Equal(got, want) {
		t.Errorf("screen %q, want %q", got, want)
	}
}

// Of a line that is taller than the window so many rows are shown, that of the cursor
// among them, and nothing is scrolled away again and again.
func TestScreenShowsTallLines(t *testing.T) {
	runes := rapid.SliceOfN(rapid.SampledFrom([]rune("ab{日é🙂")), 0, 120)
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(4, 20).Draw(t, "width"), rapid.IntRange(2, 6).Draw(t, "height")
		term := newVT(width, height)
		s := &screen{out: term, size: func() (int, int) { return width, height }, palette: &colours}
		s.look = func(line []rune, _ int) ([]style, string) { return highlight(line), "" }
		s.begin("> ")
		for range rapid.IntRange(1, 5).Draw(t, "draws") {
			line := runes.Draw(t, "line")
			cursor := rapid.IntRange(0, len(line)).Draw(t, "cursor")
			s.Paint(line, cursor)
			s.Write(nil)
			rows, at := layOut(append([]rune("> "), line...), 2+cursor, width)
			for len(rows) <= at.row {
				rows = append(rows, "")
			}
			top := max(0, min(len(rows)-height, at.row))
			want := rows[top:min(len(rows), top+height)]
			for len(want) > 0 && want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			if !slices.Equal(term.text(), want) {
				t.Fatalf("screen\n%q\nwant\n%q", term.text(), want)
			}
			if got, want := (position{term.row, term.column}), (position{at.row - top, at.column}); got != want {
				t.Fatalf("cursor at %v, want %v", got, want)
			}
		}
	})
}

// What is shown beside a line is gone when it has been entered or left, and does not
// move the cursor from its place.
func TestScreenBesideTheLine(t *testing.T) {
	for _, end := range []string{"enter", "leave"} {
		term := newVT(20, 8)
		s := &screen{out: crlf{term}, size: func() (int, int) { return 20, 8 }, palette: &monochrome}
		s.look = func(line []rune, _ int) ([]style, string) { return nil, hint(line) }
		s.begin("> ")
		s.Paint([]rune("EXPIRE k "), 9)
		s.show([]string{"one  two", "three"})
		s.Write(nil)
		want := []string{"> EXPIRE k seconds [", "NX | XX | GT | LT]", "one  two", "three"}
		if got := term.textWithHints(); !slices.Equal(got, want) || term.row != 0 || term.column != 11 {
			t.Errorf("screen %q with the cursor at %d,%d, want %q", got, term.row, term.column, want)
		}
		if end == "leave" {
			s.leave()
		} else {
			s.key(true)
			s.Paint([]rune("EXPIRE k \n"), 10)
			s.Write(nil)
		}
		if got, want := term.textWithHints(), []string{"> EXPIRE k"}; !slices.Equal(got, want) || term.row != 1 || term.column != 0 {
			t.Errorf("%s: screen %q with the cursor at %d,%d, want %q", end, got, term.row, term.column, want)
		}
	}
}
