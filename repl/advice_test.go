package repl

import (
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine/vfs"
)

// What a newcomer types, and the last line of what the shell says to it.
func TestAdvise(t *testing.T) {
	d := on(vfs.NewMem(), command.SyncAlways)
	defer d.close()
	run(d, "SET", "user:1", "v")
	for _, test := range []struct{ line, want string }{
		{"ls", "KEYS * lists all keys, KEYS user:* those that begin with user:"},
		{"LS;", "KEYS * lists all keys, KEYS user:* those that begin with user:"},
		{"quit;", "a command ends with its line, without a semicolon: QUIT"},
		{"put a b", "SET key value sets a key"},
		{"GTE a", "did you mean GET?"},
		{"nonsense", ""},
		{"KEYS", "usage: KEYS pattern\nexample: KEYS user:*\nKEYS * lists all keys"},
		{"delete", "usage: DELETE key [key ...]\nexample: DEL user:1 user:2"},
		{"APPEND k Hello world", "usage: APPEND key value\nexample: APPEND log:today \"started\\n\"\nwhat has blanks in it goes in quotes: \"Hello, world\""},
		{"GET a b", "usage: GET key\nexample: GET user:1"},
		{"DEL user:*", "DEL takes names of keys as they are; KEYS user:* lists those that match"},
		{"GET user:*", "GET takes names of keys as they are; KEYS user:* lists those that match"},
		{"GET user:1", ""},
		{"GET user:2", ""},
		{"INCR user:1", ""},
		{"SET a b EX x", ""},
	} {
		args, err := parseCommand(test.line)
		if err != nil {
			t.Fatal(err)
		}
		reply := d.do(args)
		if got := advise(args, &reply); got != test.want {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}
