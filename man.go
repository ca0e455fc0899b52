package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nubdb/nubdb/command"
)

// manPage is the manual page, in troff with the man macros.
func manPage(flags *pflag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH NUBDB 1 \"\" \"nubdb %s\" \"User Commands\"\n", command.Version)
	b.WriteString(manIntroduction)
	b.WriteString(".SH OPTIONS\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, meaning := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(strings.TrimSpace(flagSyntax(f, value))), roff(sentence(meaning)))
	})
	b.WriteString(manStatuses)
	b.WriteString(".SH COMMANDS\n")
	for _, group := range command.Groups {
		fmt.Fprintf(&b, ".SS @%s\n", group)
		for spec := range command.All {
			if spec.Group != group {
				continue
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.", roff(spec.Syntax()), roff(spec.Summary))
			if len(spec.Aliases) > 0 {
				fmt.Fprintf(&b, " Also %s.", strings.Join(spec.Aliases, ", "))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString(manEnd)
	return b.String()
}

// roff writes text so that troff shows it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// sentence begins text with a capital.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

const manIntroduction = `.SH NAME
nubdb \- key-value database for scripts
.SH SYNOPSIS
.B nubdb
.RI [ flags ]
.I COMMAND
.RI [ ARG ...]
.br
.B nubdb
.RI [ flags ]
.B <
.I FILE
.br
.B nubdb
.RI [ flags ]
.BR \-c " \fITEXT\fR | " \-f " \fIFILE\fR ..."
.br
.B nubdb
.RI [ flags ]
.SH DESCRIPTION
Runs the commands of Redis and Valkey on a database in a directory: one from the
command line, those in texts and files, those on standard input, or, when standard
input is a terminal, those that a person types.
.PP
Flags end at the first word that is none: what follows is the command, its words
taken as bytes.
.PP
In texts and files there is one command a line. Words are separated by blanks; a
word that begins with a double quote may hold \en, \er, \et, \exHH and the like, one that
begins with a single quote is taken as it is. Lines that begin with # are comments, an
argument <<TAG takes the following lines up to TAG, a line that begins with [ is a
command as a JSON array, and RESP as made for redis\-cli \-\-pipe works as well.
`

const manStatuses = `.SH EXIT STATUS
.TP
0
Every command succeeded, and all of it is on stable storage.
.TP
1
Some command failed; the others were done and are durable. \-n found faults.
.TP
2
Wrong usage; nothing was done.
.TP
3
Stopped at an error (\-e), or rolled back (\-1).
.TP
4
\-\-exit\-nil or \-\-test.
.TP
5
Another process kept the database for the whole wait.
.TP
6
The database or the output cannot be used, or writes are not durable; what is not is said.
.TP
124
\-\-timeout ran out.
.TP
129, 130, 143, 141
SIGHUP, SIGINT, SIGTERM, or standard output was closed by its reader; what was acknowledged
is on stable storage.
.PP
When several apply, the first of 2, 6, 5, a signal, 124, 3, 1, 4, 0.
`

const manEnd = `.SH ENVIRONMENT
.TP
.B NUBDB_DB
The database when there is no \-\-db.
.SH FILES
.TP
.I nubdb.db
The database when nothing names one.
.SH SEE ALSO
.BR redis\-cli (1),
.BR valkey\-cli (1)
`
