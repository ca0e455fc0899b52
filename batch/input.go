package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Input is something that commands come from.
type Input struct {
	name string // as messages show it
	open func(name string, stdin *os.File, stop *stopper) (*source, error)
}

// Stdin is standard input.
func Stdin() Input { return Input{"<stdin>", openFile} }

// File is a file of commands; "-" is standard input.
func File(path string) Input {
	if path == "-" {
		return Stdin()
	}
	return Input{path, openPath}
}

// Text is the n-th text of commands on the command line, counted from 1.
func Text(n int, text string) Input {
	return Input{fmt.Sprintf("<-c %d>", n), func(name string, _ *os.File, _ *stopper) (*source, error) {
		return newSource(name, strings.NewReader(text), int64(len(text))), nil
	}}
}

// Argv is one command whose words are taken as they are; with lastFromStdin one
// more follows, which is all that stdin holds. Messages show no place for it.
func Argv(args [][]byte, lastFromStdin bool) Input {
	return Input{"", func(_ string, stdin *os.File, stop *stopper) (*source, error) {
		if lastFromStdin {
			value, err := readValue(stdin, stop)
			if err != nil {
				return nil, err
			}
			args = append(slices.Clip(args), value)
		}
		src := &source{args: args, size: -1}
		src.rewind(nil)
		return src, nil
	}}
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
	args  [][]byte   // of an argv, which has no bytes
	files []*os.File // to be closed
}

// openPath opens a file. What cannot be opened is wrong usage: nothing has run yet.
func openPath(path string, _ *os.File, stop *stopper) (*source, error) {
	var file *os.File
	var err error
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		stop.listen()
	}
	stop.abandonable(path, func() { file, err = os.Open(path) }) // a named pipe waits for its writer
	switch {
	case err != nil:
		return nil, usageError{err}
	case file == nil:
		return nil, errStopped
	}
	src, err := openFile(path, file, stop)
	if err != nil {
		file.Close()
		return nil, err
	}
	src.files = append(src.files, file)
	return src, nil
}

// openFile makes a source of a file that is open.
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

// readValue reads all of a file as one value.
func readValue(file *os.File, stop *stopper) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(newDescriptor(file, stop), engine.MaxValue+1))
	if err == nil && len(value) > engine.MaxValue {
		err = usageError{errors.New("standard input is longer than a value may be, 512 MiB")}
	}
	return value, err
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
	for _, file := range s.files {
		file.Close()
	}
}
