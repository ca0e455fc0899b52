package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nubdb/nubdb/command"
)

// shells are the values of --completion.
var shells = []word[func(*pflag.FlagSet) string]{{"bash", bashCompletion}, {"zsh", zshCompletion}, {"fish", fishCompletion}}

// completion is the script that completes flags, their values, and commands of
// the database in a shell.
func completion(shell string, flags *pflag.FlagSet) (string, error) {
	for _, s := range shells {
		if s.name == shell {
			return s.value(flags), nil
		}
	}
	return "", fmt.Errorf("--completion knows bash, zsh and fish")
}

// flagValues are the words that a flag takes, nil if it takes no fixed ones.
func flagValues(f *pflag.Flag) []string {
	value, _ := pflag.UnquoteUsage(f)
	if !strings.Contains(value, "|") {
		return nil
	}
	return strings.Split(value, "|")
}

// takesPath tells whether the value of a flag is a path.
func takesPath(f *pflag.Flag) bool {
	value, _ := pflag.UnquoteUsage(f)
	return value == "PATH" || value == "FILE" || strings.HasSuffix(operandsOf(f.Name), "PATH")
}

func isSwitch(f *pflag.Flag) bool { return f.NoOptDefVal != "" }

// spellings are the ways to write a flag: -f and --file.
func spellings(f *pflag.Flag) []string {
	if f.Shorthand == "" {
		return []string{"--" + f.Name}
	}
	return []string{"-" + f.Shorthand, "--" + f.Name}
}

func commandNames() []string {
	var names []string
	for spec := range command.All {
		names = append(append(names, spec.Name), spec.Aliases...)
	}
	return names
}

func bashCompletion(flags *pflag.FlagSet) string {
	var all []string
	var values strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		all = append(all, spellings(f)...)
		pattern := strings.Join(spellings(f), "|")
		switch words := flagValues(f); {
		case words != nil:
			fmt.Fprintf(&values, "\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", pattern, strings.Join(words, " "))
		case takesPath(f):
			fmt.Fprintf(&values, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
		case !isSwitch(f):
			fmt.Fprintf(&values, "\t%s) return ;;\n", pattern)
		}
	})
	return fmt.Sprintf(`# bash completion for nubdb: source <(nubdb --completion bash)
_nubdb() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} commands='%s' word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ " $commands " == *" ${word^^} "* ]] && return # arguments of a command may be anything
	done
	case $prev in
%s	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W '%s' -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$commands" -- "${cur^^}")) ;;
	esac
}
complete -F _nubdb nubdb
`, strings.Join(commandNames(), " "), values.String(), strings.Join(all, " "))
}

func zshCompletion(flags *pflag.FlagSet) string {
	quote := strings.NewReplacer(`'`, `'\''`, `[`, `\[`, `]`, `\]`, `:`, `\:`).Replace
	var b strings.Builder
	b.WriteString("#compdef nubdb\n# zsh completion for nubdb: source <(nubdb --completion zsh), or a file in $fpath\n")
	b.WriteString("_nubdb() {\n_arguments -s -S \\\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, meaning := pflag.UnquoteUsage(f)
		action := ":" + quote(value) + ":"
		switch words := flagValues(f); {
		case takesPath(f):
			action += "_files"
		case isSwitch(f):
			action = ""
		case words != nil:
			action += "(" + strings.Join(words, " ") + ")"
		}
		for _, spelling := range spellings(f) {
			fmt.Fprintf(&b, "\t'*%s[%s]%s' \\\n", spelling, quote(meaning), action)
		}
	})
	fmt.Fprintf(&b, "\t'1:command:(%s)' '*:argument:'\n}\n", strings.Join(commandNames(), " "))
	b.WriteString("if [[ $funcstack[1] == _nubdb ]]; then _nubdb \"$@\"; else compdef _nubdb nubdb; fi\n")
	return b.String()
}

func fishCompletion(flags *pflag.FlagSet) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace
	var b strings.Builder
	b.WriteString("# fish completion for nubdb: nubdb --completion fish | source\ncomplete -c nubdb -f\n")
	flags.VisitAll(func(f *pflag.Flag) {
		_, meaning := pflag.UnquoteUsage(f)
		line := "complete -c nubdb -l " + f.Name
		if f.Shorthand != "" {
			line += " -s " + f.Shorthand
		}
		switch words := flagValues(f); {
		case words != nil:
			line += " -x -a '" + strings.Join(words, " ") + "'"
		case takesPath(f):
			line += " -r -F"
		case !isSwitch(f):
			line += " -x"
		}
		fmt.Fprintf(&b, "%s -d '%s'\n", line, quote(meaning))
	})
	for spec := range command.All {
		for _, name := range append([]string{spec.Name}, spec.Aliases...) {
			fmt.Fprintf(&b, "complete -c nubdb -n __fish_is_first_arg -a %s -d '%s'\n", name, quote(spec.Summary))
		}
	}
	return b.String()
}
