package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Input is something that commands come from.
type Input struct {
	name string // as messages show it
	path string // a file, unless text is what there is
	text string // commands given with -c
	args [][]byte
	last bool // the last of args is what stdin holds
}

// Stdin is standard input.
func Stdin() Input { return Input{name: "<stdin>", path: "-"} }

// File is a file of commands; "-" is standard input.
func File(path string) Input {
	if path == "-" {
		return Stdin()
	}
	return Input{name: path, path: path}
}

// Text is the n-th text of commands on the command line, counted from 1.
func Text(n int, text string) Input {
	return Input{name: fmt.Sprintf("<-c %d>", n), text: text}
}

// Argv is one command whose words are taken as they are; with lastFromStdin one
// more follows, which is all that stdin holds. Messages show no place for it.
func Argv(args [][]byte, lastFromStdin bool) Input {
	return Input{args: args, last: lastFromStdin}
}

// commands yields the commands of an input: a *wire.Reader or an argv.
type commands interface {
	Next() (*wire.Command, error)
	Ready() bool
	Ahead() int
	Peek(i int) *wire.Command
	Offset() int64
}

// argv yields one command.
type argv struct {
	command wire.Command
	done    bool
}

func (a *argv) Ready() bool   { return true }
func (a *argv) Offset() int64 { return 0 }

func (a *argv) Ahead() int             { return 0 }
func (a *argv) Peek(int) *wire.Command { return nil }

func (a *argv) Next() (*wire.Command, error) {
	if a.done {
		return nil, io.EOF
	}
	a.done = true
	return &a.command, nil
}

// source is an open input.
type source struct {
	commands
	name  string
	size  int64 // bytes still to come, -1 if that cannot be known
	bytes io.Reader
	file  *os.File // to be closed, nil for none
	args  [][]byte
}

// open opens an input. What cannot be opened is wrong usage: nothing has run yet.
func (in Input) open(stdin *os.File, stop *stopper) (*source, error) {
	switch {
	case in.args != nil:
		return in.openArgv(stdin, stop)
	case in.path == "":
		return newSource(in.name, strings.NewReader(in.text), int64(len(in.text))), nil
	case in.path == "-":
		return openFile(in.name, stdin, stop)
	}
	var file *os.File
	var err error
	stop.abandonable(in.name, func() { file, err = os.Open(in.path) }) // a named pipe waits for its writer
	switch {
	case err != nil:
		return nil, usageError{err}
	case file == nil:
		return nil, errStopped
	}
	src, err := openFile(in.name, file, stop)
	if err != nil {
		file.Close()
		return nil, err
	}
	src.file = file
	return src, nil
}

func (in Input) openArgv(stdin *os.File, stop *stopper) (*source, error) {
	src := &source{args: in.args, size: -1}
	if in.last {
		value, err := io.ReadAll(io.LimitReader(newDescriptor(stdin, stop), engine.MaxValue+1))
		if err != nil {
			return nil, err
		}
		if len(value) > engine.MaxValue {
			return nil, usageError{errors.New("standard input is longer than a value may be, 512 MiB")}
		}
		src.args = append(src.args[:len(src.args):len(src.args)], value)
	}
	src.rewind(nil)
	return src, nil
}

func openFile(name string, file *os.File, stop *stopper) (*source, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, usageError{err}
	case info.IsDir():
		return nil, usageError{fmt.Errorf("%s is a directory", name)}
	}
	size := int64(-1)
	if info.Mode().IsRegular() {
		size = info.Size()
		if at, err := file.Seek(0, io.SeekCurrent); err == nil {
			size -= at // whoever shares stdin may have read some of it
		}
	}
	return newSource(name, newDescriptor(file, stop), size), nil
}

func newSource(name string, bytes io.Reader, size int64) *source {
	s := &source{name: name, bytes: bytes, size: size}
	s.rewind(bytes)
	return s
}

// rewind makes the source yield the commands of r from its beginning.
func (s *source) rewind(r io.Reader) {
	if s.args != nil {
		s.commands = &argv{command: wire.Command{Args: s.args}}
		return
	}
	s.commands = wire.NewReader(r, wire.BatchGrammar)
}

func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}
