package repl

import (
	"bytes"
	"io"
	"os"
)

// plainReader reads lines that the terminal itself lets the user correct. It is
// for terminals that cannot move the cursor (TERM=dumb), and for an output that is
// none.
type plainReader struct {
	keys   *keyboard
	term   *terminal
	out    *os.File
	prompt string
}

func (p *plainReader) readLine(prompt string) (string, error) {
	p.term.editMode()
	defer p.term.runMode()
	p.prompt = prompt
	p.redraw()
	for {
		if i := bytes.IndexByte(p.keys.buf, keyInterrupt); i >= 0 {
			p.keys.buf = p.keys.buf[i+1:]
			p.leave()
			return "", errInterrupted
		}
		if i := bytes.IndexByte(p.keys.buf, '\n'); i >= 0 {
			line := string(p.keys.buf[:i])
			p.keys.buf = p.keys.buf[i+1:]
			return line, nil
		}
		if err := p.keys.fill(); err != nil {
			p.leave()
			return "", err
		}
	}
}

func (p *plainReader) leave() { io.WriteString(p.out, "\n") }

func (p *plainReader) redraw() { io.WriteString(p.out, p.prompt) }
