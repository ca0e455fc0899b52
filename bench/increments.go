package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// increment increments the key n so many times.
type increment func(b *bench, db string, times int) (tally, error)

// patience is for whoever waits its turn; the wait is measured.
const patience = "--lock-timeout=60"

// inDoubt tells whether a process has failed because a server was killed.
func inDoubt(err error) bool { return err != nil && strings.Contains(err.Error(), "outcome unknown") }

// runEach runs a process for each increment, as a shell script does.
func (b *bench) runEach(db string, times int) (t tally, err error) {
	for range times {
		took, err := command{args: []string{b.nubdb, patience, "-d", db, "INCR", "n"}}.timed()
		switch {
		case err == nil:
			t.add(tally{longest: took, acknowledged: 1})
		case inDoubt(err):
			t.doubtful++
		default:
			return t, err
		}
	}
	return t, nil
}

// askEach asks one process and waits for each answer, as a program with a co-process does.
func (b *bench) askEach(db string, times int) (t tally, err error) {
	for t.acknowledged+t.doubtful < times {
		err := b.converse(db, times-t.acknowledged-t.doubtful, &t)
		if inDoubt(err) {
			t.doubtful++
		} else if err != nil {
			return t, err
		}
	}
	return t, nil
}

// converse asks a process so many times, or until it does not answer; the error tells why.
func (b *bench) converse(db string, times int, t *tally) error {
	p := exec.Command(b.nubdb, patience, "-d", db)
	var stderr bytes.Buffer
	p.Stderr = &stderr
	in, err := p.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	answers := bufio.NewReader(out)
	for range times {
		start := time.Now()
		io.WriteString(in, "INCR n\n")
		if _, err := answers.ReadString('\n'); err != nil {
			break
		}
		t.add(tally{longest: time.Since(start), acknowledged: 1})
	}
	in.Close()
	return waited(p, &stderr)
}

// waited is the error of a process, with what it has said.
func waited(p *exec.Cmd, stderr *bytes.Buffer) error {
	if err := p.Wait(); err != nil {
		return fmt.Errorf("%v: %w: %s", p.Args, err, stderr)
	}
	return nil
}

// socket is where the servers that come and go listen for clients of Redis.
func socket(db string) string { return db + ".sock" }

// askServers asks whatever server there is and waits for each answer, as clients of Redis do. A
// server that leaves in good order has answered all that it has run, so that what was not answered
// is for the next one. Of a server that was killed nobody knows.
func (c crowd) askServers(_ *bench, db string, times int) (t tally, err error) {
	for absent := time.Duration(0); t.acknowledged+t.doubtful < times; {
		server, err := dial("unix", socket(db))
		if err != nil {
			const pause = 5 * time.Millisecond
			if absent += pause; absent > time.Minute {
				return t, err
			}
			time.Sleep(pause)
			continue
		}
		absent = 0
		lost, err := server.increment(times-t.acknowledged-t.doubtful, &t)
		if err != nil {
			return t, err
		}
		if lost && c.owner == killedServers {
			t.doubtful++
		}
	}
	return t, nil
}

// increment asks so many times, or until the server does not answer: then an answer is lost.
func (c *connection) increment(times int, t *tally) (lost bool, err error) {
	defer c.Close()
	for range times {
		start := time.Now()
		reply, err := c.do([]string{"INCR", "n"})
		if err != nil {
			return true, nil
		}
		if reply.IsError() {
			return false, fmt.Errorf("INCR answers %s", reply.Str)
		}
		t.add(tally{longest: time.Since(start), acknowledged: 1})
	}
	return false, nil
}

// pipeAll gives one process all increments at once.
func (b *bench) pipeAll(db string, times int) (tally, error) {
	start := time.Now()
	t, err := b.pipe(db, strings.NewReader(strings.Repeat("INCR n\n", times)))
	t.longest = time.Since(start)
	if inDoubt(err) {
		t.doubtful, err = times-t.acknowledged, nil
	}
	return t, err
}

// pipe runs a process on commands and counts the replies.
func (b *bench) pipe(db string, commands io.Reader) (t tally, err error) {
	p := exec.Command(b.nubdb, patience, "-d", db)
	p.Stdin = commands
	var stderr bytes.Buffer
	p.Stderr = &stderr
	out, err := p.StdoutPipe()
	if err != nil {
		return t, err
	}
	if err := p.Start(); err != nil {
		return t, err
	}
	for answers := bufio.NewScanner(out); answers.Scan(); {
		t.acknowledged++
	}
	return t, waited(p, &stderr)
}

// groupCommands is how many commands of a batch are under way at most.
const groupCommands = 1024

// longBatch increments the key long for so long as fast as it can.
func (b *bench) longBatch(db string, long time.Duration) (t tally, err error) {
	for commands := (endless{time.Now().Add(long)}); !commands.over(); {
		part, err := b.pipe(db, commands)
		t.add(part)
		if inDoubt(err) {
			t.doubtful += groupCommands
		} else if err != nil {
			return t, err
		}
	}
	return t, nil
}

// endless is an input of the same command until a time.
type endless struct{ until time.Time }

func (e endless) over() bool { return time.Now().After(e.until) }

func (e endless) Read(p []byte) (int, error) {
	const line = "INCR long\n"
	if e.over() {
		return 0, io.EOF
	}
	return copy(p, strings.Repeat(line, len(p)/len(line))), nil
}
