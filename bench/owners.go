package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/creack/pty"
)

// idleShell starts a shell on a terminal, increments the key n once and leaves it to itself
// until end is called.
func (b *bench) idleShell(db string) (end func(), err error) {
	p := exec.Command(b.nubdb, patience, "-d", db)
	p.Env = append(p.Environ(), "TERM=dumb", "XDG_STATE_HOME="+b.dir)
	terminal, err := pty.Start(p)
	if err != nil {
		return nil, err
	}
	end = func() {
		terminal.Close()
		p.Wait()
	}
	io.WriteString(terminal, "INCR n\n")
	screen := bufio.NewReader(terminal)
	for {
		line, err := screen.ReadString('\n')
		if err != nil {
			end()
			return nil, err
		}
		if strings.Contains(line, "(integer)") {
			return end, nil
		}
	}
}

// comeAndGo starts a server, ends it as soon as it has answered some commands, and so on,
// until end is called.
func (b *bench) comeAndGo(db string, o owner) (end func() error) {
	if o == nobody {
		return func() error { return nil }
	}
	quit, done := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for err == nil {
			select {
			case <-quit:
				done <- nil
				return
			default:
				err = b.serve(db, o)
			}
		}
		<-quit
		done <- err
	}()
	return func() error { close(quit); return <-done }
}

// serve runs a server until it has answered ten processes.
func (b *bench) serve(db string, o owner) error {
	p := exec.Command(b.nubdb, patience, "-d", db, "--server", "0", "--unixsocket", socket(db))
	stderr, err := p.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	var said strings.Builder
	log := bufio.NewScanner(stderr)
	for log.Scan() && !strings.Contains(log.Text(), "ready") {
		said.WriteString(log.Text())
	}
	for range 10 {
		if _, _, err = (command{args: []string{b.nubdb, patience, "-d", db, "PING"}}).execute(); err != nil {
			break
		}
	}
	if o == killedServers {
		p.Process.Kill()
		io.Copy(io.Discard, stderr)
		p.Wait() // says that it was killed, which is no news
		return err
	}
	p.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, stderr)
	if e := p.Wait(); e != nil {
		err = errors.Join(err, fmt.Errorf("server: %w: %s", e, said.String()))
	}
	return err
}
