package repl

import "testing"

// Somebody who has read nothing sets a key that expires, lists keys and leaves.
func TestNewcomer(t *testing.T) {
	c := start(t, t.TempDir())
	c.expect("TAB completes, HELP explains, Ctrl-D leaves", "new database ./nubdb.db", "nubdb>")
	c.keys("SET ")
	c.expectHints("nubdb> SET key value [ttl] [NX | XX | IFEQ comparison-value] [GET] [EX seconds |",
		" PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEE..")
	c.keys("name Zoë EX")
	c.expectHints("nubdb> SET name Zoë EX seconds [NX | XX | IFEQ comparison-value] [GET]")
	c.keys(" 60\r")
	c.expect("nubdb> SET name Zoë EX 60", "OK", "nubdb>")
	c.keys("GET n" + tab + "\r")
	c.expect("nubdb> GET name", `"Zoë"`, "nubdb>")
	c.keys("keys\r")
	c.expect("nubdb> keys", "(error) ERR wrong number of arguments for 'keys' command",
		"usage: KEYS pattern", "example: KEYS user:*", "KEYS * lists all keys", "nubdb>")
	c.keys("KEYS *\r")
	c.expect(`1) "name"`, "nubdb>")
	for typed, advice := range map[string]string{
		"ls":        "KEYS * lists all keys, KEYS user:* those that begin with user:",
		"show keys": "KEYS * lists all keys, KEYS user:* those that begin with user:",
		"exit;":     "a command ends with its line, without a semicolon: EXIT",
		"bye":       "EXIT or Ctrl-D leaves",
		"GTE name":  "did you mean GET?",
	} {
		c.keys(typed + "\r")
		c.expect(advice, "nubdb>")
	}
	c.keys("select\r")
	c.expect("usage: SELECT index", "example: SELECT 0", "this is no SQL: GET key returns a value, KEYS * lists all keys", "nubdb>")
	c.keys("pubsub\r")
	c.expect("(error) ERR wrong number of arguments for 'pubsub' command",
		"usage: PUBSUB CHANNELS | NUMSUB | NUMPAT", "example: PUBSUB CHANNELS", "nubdb>")
	c.keys("get name;\r")
	c.expect("nubdb> get name;", "(nil)", "the ; belongs to the last word: a command ends with its line", "nubdb>")
	c.keys("get name;\r") // once is enough
	c.expect("nubdb> get name;", "(nil)", "nubdb>")
	c.keys("exit\r")
	c.expectExit(0)
}

// HELP, ? and \? say what there is, and fit the window.
func TestHelpOfTheShell(t *testing.T) {
	c := start(t, t.TempDir(), window(60, 60))
	for _, key := range []string{"help", "?"} {
		c.expect("nubdb>")
		c.keys("\x0c" + key + "\r") // Ctrl-L
		c.expectRow("EXIT or Ctrl-D           leave")
		c.expectRow("KEYS *                   list all keys; KEYS user:* those")
		c.expectRow("                         that begin with user:")
		c.expectRow("@transactions  MULTI EXEC DISCARD WATCH UNWATCH")
	}
	c.keys(`\?` + "\r")
	c.expectRow(`\watch [SECONDS] [COMMAND]`)
	c.expectRow("    repeat a command, or the last one, until Ctrl-C")
	c.keys(`\h TYPE` + "\r")
	c.expect("  example     TYPE user:1", "nubdb>")
	c.keys("help config get\r")
	c.expect("  example     CONFIG GET max*", "nubdb>")
	c.keys("help config nosuch\r")
	c.expect("(error) ERR no help on 'config nosuch': HELP lists all comma", "nds", "nubdb>")
	c.keys(`\nosuch` + "\r")
	c.expect(`no command \nosuch of the shell: \? lists them`, "nubdb>")
	c.keys(`\q` + "\r")
	c.expectExit(0)
}
