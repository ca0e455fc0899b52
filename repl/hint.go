package repl

import (
	"strings"

	"github.com/nubdb/nubdb/command"
)

// hint is what may follow a line that is being typed, from the command table:
// " key value [EX seconds | ...]" behind SET. It is "" where nothing is known, or
// nothing more can follow.
func hint(line []rune) string {
	words := splitLine(line)
	if len(words) == 0 || isSpecial(line[words[0].from]) {
		return metaHint(words, line)
	}
	last := &words[len(words)-1]
	if last.open {
		return ""
	}
	blank := isBlank(line[len(line)-1])
	if !blank && len(words) > 1 && last.quote == 0 {
		if rest := optionHint(words); rest != "" {
			return rest
		}
	}
	s := analyse(texts(words))
	if s == nil {
		return ""
	}
	if len(s.spec.Sub) > 0 {
		return subHint(s.spec, texts(words)[1:], blank)
	}
	if s.lost || len(s.next) == 0 {
		return ""
	}
	parts := make([]string, 0, len(s.next)+1)
	if !blank {
		parts = append(parts, "")
	}
	for i := range s.next {
		parts = append(parts, s.next[i].Syntax())
	}
	return strings.Join(parts, " ")
}

// subHint is the names of subcommands, or the rest of the one that was begun.
func subHint(container *command.Spec, typed []string, blank bool) string {
	switch {
	case len(typed) == 0 && blank:
		return strings.Join(subcommandNames([]string{container.Name}), " | ")
	case len(typed) == 0:
		return " " + subHint(container, typed, true)
	case len(typed) > 1 || blank:
		return ""
	}
	for i := range container.Sub {
		syntax := container.Sub[i].Syntax()[len(container.Name)+1:]
		if len(typed[0]) < len(syntax) && strings.EqualFold(syntax[:len(typed[0])], typed[0]) {
			return syntax[len(typed[0]):]
		}
	}
	return ""
}

// optionHint is the rest of the option that the last word is a beginning of.
func optionHint(words []word) string {
	last := len(words) - 1
	typed := words[last].text
	s := analyse(texts(words[:last]))
	if s == nil || s.lost {
		return ""
	}
	for i := range s.next {
		if accepts(&s.next[i], typed) && !s.next[i].Optional {
			return "" // a value, whatever it begins with
		}
		if found := optionNamed(&s.next[i], typed); found != nil {
			arg := *found
			arg.Optional, arg.Multiple = false, false
			text := arg.Syntax()
			return text[len(typed):]
		}
	}
	return ""
}

// optionNamed is the option that has a literal word which begins with typed and is
// longer.
func optionNamed(arg *command.Arg, typed string) *command.Arg {
	if arg.Token != "" {
		if len(arg.Token) > len(typed) && strings.EqualFold(arg.Token[:len(typed)], typed) {
			return arg
		}
		return nil
	}
	if arg.Type == command.OneOf {
		for i := range arg.Args {
			if strings.EqualFold(arg.Args[i].Token, typed) {
				return nil // it is complete as it is
			}
		}
		for i := range arg.Args {
			if found := optionNamed(&arg.Args[i], typed); found != nil {
				return found
			}
		}
	}
	return nil
}

// isSpecial tells whether a line that begins with this character is no command in words:
// a comment, a JSON array, a command of the shell itself.
func isSpecial(first rune) bool { return first == '#' || first == '[' || first == '\\' }

// shortenHint cuts a hint to so many columns.
func shortenHint(text string, columns int) string {
	if columns < 4 {
		return ""
	}
	return shorten(text, columns)
}
