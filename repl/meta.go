package repl

import (
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// metas are the commands of the shell itself.
var metas = [...]struct{ name, args, summary string }{
	{`\?`, "", "list these commands"},
	{`\h`, "[COMMAND | @GROUP]", "the same as HELP"},
	{`\q`, "", "leave"},
	{`\timing`, "[on | off]", "show how long each command takes"},
	{`\format`, "[typed | plain | json | raw | resp]", "how replies are written"},
	{`\o`, "[FILE]", "write replies to a file; alone: to the screen again"},
	{`\i`, "FILE", "run the commands in a file"},
	{`\watch`, "[SECONDS] [COMMAND]", "repeat a command, or the last one, until Ctrl-C"},
	{`\|`, "PROGRAM", "hand the last reply to a program: \\| jq ."},
	{`\!`, "[PROGRAM]", "run a program, or sh"},
	{`\confirm`, "[on | off]", "ask before all keys are deleted"},
	{`\pager`, "[on | off]", "show long replies with $PAGER"},
}

// metaNames are the names that begin with what was typed.
func metaNames(typed string) []string {
	var found []string
	for i := range metas {
		if strings.HasPrefix(metas[i].name, typed) {
			found = append(found, metas[i].name)
		}
	}
	return found
}

// isMeta tells whether a line is a command of the shell itself.
func isMeta(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), `\`) }

// splitMeta takes the name from a line, and what is behind it as it is.
func splitMeta(line string) (name, rest string) {
	line = strings.TrimSpace(line)
	end := 1
	for end < len(line) && line[end] != ' ' && line[end] != '\t' {
		end++
		if c := line[end-1]; end == 2 && (c == '|' || c == '!' || c == '?') {
			break
		}
	}
	return line[:end], strings.TrimSpace(line[end:])
}

// meta runs a command of the shell itself. An error is one of showing replies.
func (s *shell) meta(line string) error {
	name, rest := splitMeta(line)
	switch name {
	case `\?`:
		return s.metaHelp("")
	case `\h`, `\help`:
		return s.metaHelp(rest)
	case `\q`, `\quit`, `\exit`:
		s.left = true
	case `\timing`:
		s.toggle(&s.timing, "timing", rest)
	case `\confirm`:
		s.toggle(&s.confirm, "confirm", rest)
	case `\pager`:
		s.toggle(&s.paging, "pager", rest)
	case `\format`:
		s.setFormat(rest)
	case `\o`:
		s.redirect(rest)
	case `\i`:
		return s.include(rest)
	case `\watch`:
		return s.watch(rest)
	case `\|`:
		s.pipe(rest)
	case `\!`:
		s.escape(rest)
	default:
		s.note(fmt.Sprintf("no command %s of the shell: \\? lists them", visible(name)))
	}
	return nil
}

// metaHelp is the list of the commands of the shell itself.
func metaHelp(columns int) string {
	var b strings.Builder
	for i := range metas {
		appendPair(&b, strings.TrimSpace(metas[i].name+" "+metas[i].args), metas[i].summary, 42, columns)
	}
	return b.String()
}

// metaHelp is \h: help on a topic, or the list.
func (s *shell) metaHelp(topic string) error {
	if topic == "" {
		columns, _ := windowSize(s.display)
		return s.showText(metaHelp(columns))
	}
	args := [][]byte{[]byte("HELP")}
	for word := range strings.FieldsSeq(topic) {
		args = append(args, []byte(word))
	}
	return s.execute(args)
}

// toggle switches something on or off, or to what it is not.
func (s *shell) toggle(what *bool, name, to string) {
	switch strings.ToLower(to) {
	case "on":
		*what = true
	case "off":
		*what = false
	case "":
		*what = !*what
	default:
		s.note(fmt.Sprintf(`usage: \%s [on | off]`, name))
		return
	}
	s.note(name + " is " + onOff(*what))
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// formats are the names of the ways to write replies.
var formats = [...]string{"typed", "plain", "json", "raw", "resp"}

func (s *shell) setFormat(name string) {
	for i := range formats {
		if strings.EqualFold(formats[i], name) {
			s.format = formats[i]
			return
		}
	}
	if name != "" {
		s.note("formats are " + strings.Join(formats[:], ", "))
		return
	}
	s.note("format is " + s.format)
}

// metaHint is what may follow a command of the shell itself.
func metaHint(words []word, line []rune) string {
	if len(words) != 1 || !strings.HasPrefix(words[0].text, `\`) {
		return ""
	}
	for i := range metas {
		if metas[i].name == words[0].text && metas[i].args != "" {
			if isBlank(line[len(line)-1]) {
				return metas[i].args
			}
			return " " + metas[i].args
		}
	}
	return ""
}

// completeMeta completes an argument of a command of the shell itself.
func (c *completer) completeMeta(found *completions, before []string, last word) {
	switch before[0] {
	case `\timing`, `\confirm`, `\pager`:
		found.words = matching([]string{"on", "off"}, last.text)
	case `\format`:
		found.words = matching(formats[:], last.text)
	case `\h`:
		found.words = helpTopics(before[1:], last.text)
	case `\i`, `\o`:
		completeFile(found, last)
	case `\watch`:
		rest := before[1:]
		if len(rest) > 0 && isSeconds(rest[0]) {
			rest = rest[1:]
		}
		if len(rest) > 0 {
			c.completeArgument(found, rest, last)
		} else {
			found.words = matching(commandNames(), last.text)
		}
	}
}

// parseCommand reads one command from a text.
func parseCommand(text string) ([][]byte, error) {
	cmd, err := wire.NewReader(strings.NewReader(text+"\n"), wire.Comments|wire.JSONLines).Next()
	if err != nil {
		return nil, err
	}
	return cmd.Args, nil
}
