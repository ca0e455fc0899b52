package repl

import (
	"bytes"
	"os"
)

// plainReader reads lines that the terminal itself lets the user correct. It is
// for terminals that cannot move the cursor (TERM=dumb), and for an output that is
// none.
type plainReader struct {
	keys   *keyboard
	term   *terminal
	out    *os.File
	silent bool // out is no terminal: nobody wants to see prompts there
	prompt string
}

func (p *plainReader) readLine(prompt string, _ bool) (string, error) {
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
			return "", err
		}
	}
}

func (p *plainReader) leave() { p.write("\n") }

func (p *plainReader) redraw() { p.write(p.prompt) }

func (p *plainReader) write(text string) {
	if !p.silent {
		p.out.WriteString(text)
	}
}
