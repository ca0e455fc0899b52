package repl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSplitMeta(t *testing.T) {
	for _, test := range []struct{ line, name, rest string }{
		{`\q`, `\q`, ""},
		{`  \format  json `, `\format`, "json"},
		{`\| jq .`, `\|`, "jq ."},
		{`\|jq .`, `\|`, "jq ."},
		{`\!ls "a  b"`, `\!`, `ls "a  b"`},
		{`\?`, `\?`, ""},
		{`\`, `\`, ""},
		{`\watch 2 SIZE`, `\watch`, "2 SIZE"},
		{"\\o\tfile", `\o`, "file"},
	} {
		if name, rest := splitMeta(test.line); name != test.name || rest != test.rest {
			t.Errorf("%q: %q and %q, want %q and %q", test.line, name, rest, test.name, test.rest)
		}
	}
}

func TestFormatTime(t *testing.T) {
	for took, want := range map[time.Duration]string{
		42 * time.Microsecond: "(0.042 ms)", 1500 * time.Millisecond: "(1.5 s)", 999 * time.Millisecond: "(999.000 ms)",
	} {
		if got := formatTime(took); got != want {
			t.Errorf("%v: %s, want %s", took, got, want)
		}
	}
}

func TestShellFormats(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("MSET a 1 b '{\"x\":[1,2]}'\r")
	for _, test := range []struct {
		format string
		rows   []string
	}{
		{"json", []string{`{"value":["1",null,"{\"x\":[1,2]}"]}`}},
		{"plain", []string{"1\t(nil)\t{\"x\":[1,2]}"}},
		{"RAW", []string{"1", "", `{"x":[1,2]}`}},
		{"resp", []string{"*3", "$1", "1", "$-1", "$11", `{"x":[1,2]}`}},
		{"typed", []string{`1) "1"`, "2) (nil)", `3) "{\"x\":[1,2]}"`}},
	} {
		c.keys(`\format ` + test.format + "\rMGET a none b\r")
		c.expect(append(append([]string{"nubdb> MGET a none b"}, test.rows...), "nubdb>")...)
	}
	c.keys(`\format xml` + "\r")
	c.expect("formats are typed, plain, json, raw, resp", "nubdb>")
	c.keys(`\format raw` + "\rINCR b\r") // an error is seen in any format
	c.expect("(error) ERR value is not an integer or out of range", "nubdb>")
	c.keys(`\format` + "\r")
	c.expect("format is raw", "nubdb>")
}

func TestShellTiming(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys(`\timing` + "\rPING\r")
	c.wait([]string{"PONG", "(... ms)"}, func() bool {
		text := c.screen.text()
		last := len(text) - 1
		return last > 2 && text[last] == "nubdb>" && strings.HasSuffix(text[last-1], " ms)") && text[last-2] == "PONG"
	})
	c.keys(`\timing` + "\r")
	c.expect("timing is off", "nubdb>")
	c.keys(`\timing maybe` + "\r")
	c.expect(`usage: \timing [on | off]`, "nubdb>")
}

func TestShellOutputFile(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	c.expect("nubdb>")
	c.keys(`\o "out file"` + "\rECHO one\rGTE\r" + `\o` + "\rECHO two\r")
	c.expect("did you mean GET?", `nubdb> \o`, "nubdb> ECHO two", `"two"`, "nubdb>")
	want := "\"one\"\n(error) ERR unknown command 'GTE', with args beginning with:\n"
	if got, err := os.ReadFile(filepath.Join(dir, "out file")); string(got) != want {
		t.Errorf("the file has %q, %v, want %q", got, err, want)
	}
	c.keys(`\o none/file` + "\r")
	c.expect("open none/file: no such file or directory", "nubdb>")
	c.keys("PING\r")
	c.expect("PONG", "nubdb>")
}

// \i runs what a batch would, in this session, goes on after errors and asks nothing.
func TestShellInclude(t *testing.T) {
	dir := t.TempDir()
	file := "# made elsewhere\nSET k <<E\ntwo\nlines\nE\nINCR k\nGET \"k\n*1\r\n$4\r\nSIZE\r\nMULTI\nSET last 1\nEXEC\nCLEAR\nSIZE\n"
	if err := os.WriteFile(filepath.Join(dir, "cmds.txt"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, dir)
	c.expect("nubdb>")
	c.keys(`\i cmds.txt` + "\r")
	c.expect(`nubdb> \i cmds.txt`, "OK", "cmds.txt:6:", "(error) ERR value is not an integer or out of range",
		"cmds.txt:7:5: unterminated quote", "(integer) 1", "OK", "QUEUED", "1) OK", "OK", "(integer) 0", "nubdb>")
	c.keys(`\i none.txt` + "\r")
	c.expect("open none.txt: no such file or directory", "nubdb>")
	if err := os.WriteFile(filepath.Join(dir, "slow.txt"), []byte("ECHO started\nSLEEP 1000\nSET never 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.keys(`\i slow.txt` + "\r")
	c.expect(`"started"`)
	c.keys(ctrlC)
	c.keys("SIZE\r")
	c.expect("nubdb> SIZE", "(integer) 0", "nubdb>")
}

func TestShellWatch(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys(`\watch` + "\r")
	c.expect(`usage: \watch [SECONDS] COMMAND, as in \watch 2 SIZE`, "nubdb>")
	c.keys(`\watch 0.001 INCR n` + "\r")
	c.wait([]string{"(integer) 5"}, func() bool {
		text := strings.Join(c.screen.text(), "\n")
		return strings.Contains(text, ":") && strings.Contains(text, "  (integer) 5")
	})
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys("ECHO again\r" + `\watch 1000` + "\r") // the last command
	c.expectEnd(`  "again"`)
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys(`\watch 1000 ECHO watched` + "\r")
	c.expectEnd(`  "watched"`)
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys(`\| tr a-z A-Z` + "\r") // what was watched is the last command and its reply
	c.expect("WATCHED", "nubdb>")
	c.keys(`\watch 1000` + "\r")
	c.expectEnd(`  "watched"`)
	c.keys(ctrlC)
	c.expectEnd("nubdb>")
	c.keys(`\watch 1000 PING` + "\r")
	c.waitRunning()
	c.keys(ctrlC + ctrlD)
	c.expectExit(0)
}

// Programs have the terminal as the shell found it, and the reply as it was chosen.
func TestShellPrograms(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys(`\| cat` + "\r")
	c.expect("there is no reply yet, or it was too long to be kept", "nubdb>")
	c.keys("MSET a '{\"x\": 1}' b 2\rMGET a b\r" + `\| sort -r | tr x y` + "\r")
	c.expect(`{"y": 1}`, "2", "nubdb>")
	c.keys(`\format json` + "\rGET b\r" + `\|cat` + "\r")
	c.expect(`nubdb> \|cat`, `{"value":"2"}`, "nubdb>")
	c.keys(`\! stty -a | grep -c ' icanon'; yes | head -1` + "\r") // no SIGPIPE is ignored
	c.expect("1", "y", "nubdb>")
	c.keys(`\! echo ready; read -r x; echo "got $x"` + "\r")
	c.expect("ready")
	c.keys("typed\n")
	c.expect("typed", "got typed", "nubdb>")
	c.keys(`\! echo started; exec sleep 1000` + "\r")
	c.expect("started")
	c.keys(ctrlC) // is for the program
	c.expect("started", "^C", "nubdb>")
	c.keys(`\! printf 'no end'` + "\r")
	c.expect("no end", "nubdb>")
	c.keys("PING\r")
	c.expect(`{"value":"PONG"}`, "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)
}

func TestShellConfirmOff(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("nubdb>")
	c.keys("MSET a 1 b 2\rCLEAR\r")
	c.expect("delete 2 keys? [y/N]")
	c.keys("n\r")
	c.expect("nothing was deleted; Ctrl-L clears the screen", "nubdb>")
	c.keys(`\confirm off` + "\rCLEAR\rSIZE\r")
	c.expect(`nubdb> \confirm off`, "confirm is off", "nubdb> CLEAR", "OK", "nubdb> SIZE", "(integer) 0", "nubdb>")
}

// What is longer than the screen goes to the pager, and only that.
func TestShellPager(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir, window(40, 10), env("PAGER=sed -e s/^/paged:/ | tail -2 | cut -c1-30"))
	c.expect("nubdb>")
	c.keys("MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9\r")
	c.keys("MGET a b c d e f g h\r")
	c.expect(`8) "8"`, "nubdb>")
	c.keys("MGET a b c d e f g h i i\r")
	c.expect("nubdb> MGET a b c d e f g h i i", `paged: 9) "9"`, `paged:10) "9"`, "nubdb>")
	c.keys("ECHO " + strings.Repeat("x", 400) + "\r") // one line of eleven rows
	c.expectRow("paged:\"xxx")
	c.keys(`\pager off` + "\r" + "MGET a b c d e f g h i i\r")
	c.expect(` 9) "9"`, `10) "9"`, "nubdb>")
	c.keys(`\pager on` + "\r" + `\o out` + "\r" + "MGET a b c d e f g h i i\r" + `\o` + "\r")
	c.expect(`nubdb> \o`, "nubdb>")
	c.keys(ctrlD)
	c.expectExit(0)

	c = start(t, dir, window(40, 10), env("PAGER=no-such-pager 2>/dev/null"))
	c.expect("nubdb>")
	c.keys("MGET a b c d e f g h i i\r") // is shown all the same
	c.expect(` 9) "9"`, `10) "9"`, "nubdb>")
}

func TestScreenRows(t *testing.T) {
	for _, test := range []struct {
		text string
		rows int
	}{
		{"", 0}, {"a\n", 1}, {"a\nb\n", 2}, {"1234567890\n", 1}, {"12345678901\n", 2}, {"日本語日本語\n", 2}, {"a\tb\tc\n", 2},
		{strings.Repeat("\n", 100), 20},
	} {
		if got := screenRows([]byte(test.text), 10, 20); got != test.rows {
			t.Errorf("%q takes %d rows of 10 columns, want %d", test.text, got, test.rows)
		}
	}
}
