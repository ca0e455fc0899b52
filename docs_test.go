package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/spf13/pflag"
)

// What the documents show is run, on the binary and with a terminal for its output, so
// that the document says what its reader will see. Every heading begins with an empty
// directory, and what a block in the Markdown is for is said behind its ```:
//
//	```console        commands behind "$ ", continued behind "> ", and what they print
//	```sh             commands that must succeed
//	```python add.py  a file of that name, for the blocks below it
//	```sh clone       commands for a clone of the project: not run, but make's targets exist
//
// Other blocks are text. Python finds the package of clients/python and redis-py, and port 6379
// is another one that is free.
func TestDocsAreTrue(t *testing.T) {
	binary := build(t)
	if err := os.Symlink(python(), filepath.Join(filepath.Dir(binary), "python3")); err != nil {
		t.Fatal(err)
	}
	port := strings.NewReplacer("6379", freePort(t))
	for _, name := range documents(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var dir string
			for _, b := range parseBlocks(port.Replace(read(t, name))) {
				if b.first {
					dir = t.TempDir()
				}
				if err := b.try(dir, binary); err != nil {
					t.Errorf("%s:%d: %v", name, b.line, err)
				}
			}
		})
	}
}

// freePort returns the number of a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(names, "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
}

// block is a fenced block of a document.
type block struct {
	line  int // of its ```
	first bool
	lang  string // the first word behind the ```
	name  string // the second
	text  string
}

func parseBlocks(document string) (blocks []block) {
	var b *block
	heading := true
	number := 0
	for line := range strings.Lines(document) {
		number++
		switch {
		case b != nil && strings.TrimSpace(line) == "```":
			blocks = append(blocks, *b)
			b = nil
		case b != nil:
			b.text += line
		case strings.HasPrefix(line, "```"):
			lang, name, _ := strings.Cut(strings.TrimSpace(line[3:]), " ")
			b = &block{line: number, lang: lang, name: name, first: heading}
			heading = false
		case strings.HasPrefix(line, "#"):
			heading = true
		}
	}
	return blocks
}

// try does with a block what it is for.
func (b *block) try(dir, binary string) error {
	switch {
	case b.name == "clone":
		return checkTargets(b.text)
	case b.name != "":
		return os.WriteFile(filepath.Join(dir, b.name), []byte(b.text), 0o644)
	case b.lang == "sh":
		out, err := onTTY(dir, binary, "set -e\n"+b.text)
		if err != nil {
			return errors.Join(err, errors.New(out))
		}
	case b.lang == "console":
		commands := commandsOf(b.text)
		var script strings.Builder
		for _, command := range commands {
			script.WriteString(command + "echo '" + endOfCommand + "'\n")
		}
		out, _ := onTTY(dir, binary, script.String())
		if out = consoleOf(commands, strings.Split(out, endOfCommand+"\n")); out != b.text {
			return errors.New("it prints\n" + out + "want\n" + b.text)
		}
	}
	return nil
}

// endOfCommand is printed behind the output of each command.
const endOfCommand = "\x1e"

// commandsOf returns the commands of a console block; they end in newlines.
func commandsOf(text string) (commands []string) {
	asking := false // the last line was one of a command
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, command)
			asking = true
		} else if more, ok := strings.CutPrefix(line, "> "); ok && asking {
			commands[len(commands)-1] += more
		} else {
			asking = false
		}
	}
	return commands
}

// consoleOf writes commands and what they print as a console block.
func consoleOf(commands, outputs []string) string {
	var b strings.Builder
	for i, command := range commands {
		b.WriteString("$ " + strings.ReplaceAll(strings.TrimSuffix(command, "\n"), "\n", "\n> ") + "\n")
		if i < len(outputs) {
			b.WriteString(outputs[i])
		}
	}
	return b.String()
}

// onTTY runs a shell script with a terminal for its output, in dir and with our binary as
// nubdb, which "go run ." is as well.
func onTTY(dir, binary, script string) (string, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return "", err
	}
	defer master.Close()
	packages, err := filepath.Abs("clients/python")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-c", "go() { shift 2; nubdb \"$@\"; }\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NUBDB_DB=", "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"),
		"PYTHONPATH="+packages, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = slave, slave
	err = cmd.Start()
	slave.Close()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if _, err := io.Copy(&out, master); err != nil && !errors.Is(err, syscall.EIO) { // EIO is the end
		return "", err
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), cmd.Wait()
}

// TestLinksLeadSomewhere follows the links to other files of the project, and to headings.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):]+)\)`)
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(name), file)
			if file == "" {
				target = name
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no heading #%s", name, target, anchor)
			}
		}
	}
}

// anchors are the names that GitHub gives to a document's headings.
func anchors(document string) (names []string) {
	for line := range strings.Lines(document) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			names = append(names, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-"))
		}
	}
	return names
}

// TestDocsNameWhatExists looks for the tests and source files that the documents name.
func TestDocsNameWhatExists(t *testing.T) {
	sources := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			sources[path] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+|[\\w/]+\\.go)`")
	for _, name := range documents(t) {
		for _, m := range code.FindAllStringSubmatch(read(t, name), -1) {
			found := false
			for path, source := range sources {
				found = found || strings.HasSuffix("/"+path, "/"+m[1]) || strings.Contains(source, "\nfunc "+m[1]+"(")
			}
			if !found {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
	}
}

// TestEveryFlagIsDocumented compares docs/CLI.md with the flags that there are.
func TestEveryFlagIsDocumented(t *testing.T) {
	document := read(t, "docs/CLI.md")
	(&options{}).define().VisitAll(func(f *pflag.Flag) {
		if !regexp.MustCompile("(?m)^\\|.*`--" + f.Name + "\\b").MatchString(document) {
			t.Errorf("docs/CLI.md says nothing of --%s", f.Name)
		}
		if f.Shorthand != "" && !strings.Contains(document, "`-"+f.Shorthand+"`") {
			t.Errorf("docs/CLI.md says nothing of -%s", f.Shorthand)
		}
	})
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkTargets looks for a target in the Makefile for each that a block makes.
func checkTargets(text string) error {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		return err
	}
	for _, m := range regexp.MustCompile(`(?m)^make ([a-z]+)`).FindAllStringSubmatch(text, -1) {
		if !bytes.Contains(makefile, []byte("\n"+m[1]+":")) {
			return errors.New("the Makefile has no " + m[1])
		}
	}
	return nil
}
