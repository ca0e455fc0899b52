package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
)

func TestCompletions(t *testing.T) {
	keys := []string{"user:1", "user:2", "a b", "bell\a", "日本"}
	c := completer{keys: func(prefix string) ([]string, bool) {
		return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !strings.HasPrefix(key, prefix) }), true
	}}
	for _, test := range []struct{ line, want string }{
		{"GETD", "GETDEL"},
		{"getd", "getdel"},
		{"  EXPI", "EXPIRE|EXPIREAT|EXPIRETIME"},
		{"HELP GETD", "GETDEL"},
		{"help getd", "getdel"},
		{"HELP @s", "@string|@server"},
		{"HELP GET GETD", ""},
		{"GET ", `user:1|user:2|"a b"|"bell\a"|日本`},
		{"GET us", "user:1|user:2"},
		{`GET "us`, `"user:1"|"user:2"`},
		{`GET "us"`, ""},
		{"GET 日", "日本"},
		{"GET user:1 ", ""},
		{"MGET user:1 u", "user:1|user:2"},
		{"MSET user:1 u", ""},
		{"SET user:1 v ", "NX|XX|IFEQ|GET|EX|PX|EXAT|PXAT|KEEPTTL"},
		{"SET user:1 v ex", "ex|exat"},
		{"SET user:1 v EX ", ""},
		{"日", ""},
		{"NOSUCH ", ""},
		{"CONFIG S", "SET"},
		{"config set k", ""},
		{`\form`, `\format`},
		{`\format j`, "json"},
		{`\watch 2 GETD`, "GETDEL"},
		{`\watch 2 GET us`, "user:1|user:2"},
		{`\timing o`, "on|off"},
	} {
		if got := strings.Join(c.find([]rune(test.line)).words, "|"); got != test.want {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}

func TestCompletionOfFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"one.txt", "one more", ".hidden"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join("dir", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := completer{}
	for _, test := range []struct{ line, want, end string }{
		{`\i `, `"one more"|dir/|one.txt`, " "},
		{`\i one.`, "one.txt", " "},
		{`\i d`, "dir/", ""},
		{`\o dir/`, "dir/sub/", ""},
		{`\i .h`, ".hidden", " "},
		{`\i none/`, "", " "},
	} {
		found := c.find([]rune(test.line))
		if got := strings.Join(found.words, "|"); got != test.want || found.end != test.end {
			t.Errorf("%q: %q and %q, want %q and %q", test.line, got, found.end, test.want, test.end)
		}
	}
}

// TAB completes, shows what there is, and goes through it.
func TestMenu(t *testing.T) {
	m := menu{}
	line, cursor := []rune("GET us more"), 6
	found := completions{from: 4, words: []string{"user:1", "user:2"}, end: " "}
	for _, want := range []string{"GET user: more", "GET user:1 more", "GET user:2 more", "GET user:1 more"} {
		line, cursor = m.apply(line, cursor, found)
		if string(line) != want || string(line[cursor:]) != " more" {
			t.Errorf("%q with the cursor at %d, want %q", string(line), cursor, want)
		}
	}
	m = menu{}
	found.more = true // others may begin with something else
	if line, _ := m.apply([]rune("GET us"), 6, found); string(line) != "GET us" {
		t.Errorf("what was not found was completed: %q", string(line))
	}
	m = menu{}
	line, cursor = m.apply([]rune("siz"), 3, completions{words: []string{"size"}, end: " "})
	if string(line) != "size " || cursor != 5 || m.open() {
		t.Errorf("one completion makes %q with the cursor at %d", string(line), cursor)
	}
}

func TestMenuRows(t *testing.T) {
	m := menu{completions: completions{words: []string{"a", "bb", "日本", "dddd", "e\a"}}, chosen: -1}
	for _, test := range []struct {
		columns, rows int
		want          string
	}{
		{80, 24, `a     bb    日本  dddd  e\a`},
		{12, 24, `a     bb|日本  dddd|e\a`},
		{6, 24, `a|bb|日本|dddd|e\a`},
		{12, 5, "a     bb|日本  dddd|(1 to 4 o.."},
		{2, 1, "a|.."},
	} {
		rows := m.rows(test.columns, test.rows, &palette{})
		for i := range rows {
			rows[i] = strings.TrimRight(rows[i], " ")
		}
		if got := strings.Join(rows, "|"); got != test.want {
			t.Errorf("%d columns, %d rows: %q, want %q", test.columns, test.rows, got, test.want)
		}
	}
	m.more = true
	if got, want := m.rows(80, 24, &palette{})[1], "(1 to 5 of more than 5)"; got != want {
		t.Errorf("of more keys than were found: %q, want %q", got, want)
	}
	m.chosen = 4
	if got := m.rows(12, 5, &monochrome); got[0] != "\x1b[7me\\a\x1b[0m" {
		t.Errorf("the page of the chosen one begins with %q", got[0])
	}
}

// Completing a key finds so many and no more, however many there are.
func TestKeysAreBounded(t *testing.T) {
	d := on(vfs.NewMem(), command.SyncAlways)
	defer d.close()
	words := []string{"MSET"}
	for i := range 10 * maxKeysFound {
		words = append(words, fmt.Sprintf("key:%d", i), "v")
	}
	run(d, words...)
	if found, all := d.keys("key:"); len(found) != maxKeysFound || !slices.IsSorted(found) || all {
		t.Errorf("%d keys, want %d in order (all: %v)", len(found), maxKeysFound, all)
	}
	if found, all := d.keys("none:"); len(found) != 0 || !all {
		t.Errorf("found %q", found)
	}
}

func TestKeysOfSmallDatabase(t *testing.T) {
	d := on(vfs.NewMem(), command.SyncAlways)
	defer d.close()
	run(d, "MSET", "user:2", "v", "user:1", "v", "other", "v", "user:\xff", "v", "user:"+strings.Repeat("x", maxKeyLength), "v")
	if got, all := d.keys("user:"); !slices.Equal(got, []string{"user:1", "user:2"}) || !all {
		t.Errorf("keys %q (all: %v), want user:1, user:2", got, all)
	}
}

// A completion does not wait for a process that has the database.
func TestKeysOfBusyDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	owner, err := engine.Open(path, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if tx, err := owner.Begin(true); err != nil || tx.Commit() != nil {
		t.Fatal(err)
	}
	d := newDatabase(Config{DB: path, Engine: engine.Options{LockTimeout: safetyNet}})
	defer d.close()
	if got, all := d.keys(""); got != nil || all {
		t.Errorf("keys %q of a database that another has", got)
	}
	owner.Close()
	if r := run(d, "SET", "k", "v"); r.IsError() { // is not ended by what ended the wait
		t.Errorf("SET: %s", r.Str)
	}
	if got, _ := d.keys(""); !slices.Equal(got, []string{"k"}) {
		t.Errorf("keys %q, want k", got)
	}
}
