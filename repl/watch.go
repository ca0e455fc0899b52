package repl

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// watchEvery is how often \watch repeats a command unless it is told.
const watchEvery = 2 * time.Second

// isSeconds tells whether a word is the interval of \watch.
func isSeconds(word string) bool {
	seconds, err := strconv.ParseFloat(word, 64)
	return err == nil && seconds >= 0 && seconds <= 86400
}

// watch is \watch [SECONDS] [COMMAND]: it runs the command, or the last one, again and
// again until Ctrl-C. Between two runs the database is free for others.
func (s *shell) watch(rest string) error {
	interval := watchEvery
	if word, after, _ := strings.Cut(rest, " "); isSeconds(word) {
		seconds, _ := strconv.ParseFloat(word, 64)
		interval, rest = time.Duration(seconds*float64(time.Second)), strings.TrimSpace(after)
	}
	args := s.lastArgs
	if rest != "" {
		var err error
		if args, err = parseCommand(rest); err != nil {
			s.note("the command of \\watch: " + err.Error())
			return nil
		}
		args = cloneArgs(args, len(rest))
	}
	if len(args) == 0 { // or the last one was too long to be kept
		s.note(`usage: \watch [SECONDS] COMMAND, as in \watch 2 SIZE`)
		return nil
	}
	if !s.confirmed(args) {
		return nil
	}
	s.lastArgs = args
	s.quiet = true
	defer func() { s.quiet = false }()
	for {
		reply := s.db.do(args)
		if s.db.quit() || s.ending() {
			return nil
		}
		s.render(&reply)
		stamp := time.Now().Format("15:04:05  ")
		if bytes.Count(s.out, []byte("\n")) > 1 {
			stamp += "\n"
		}
		if err := s.write(append([]byte(stamp), s.out...)); err != nil {
			return err
		}
		if s.cut.Load() || s.ending() || !s.pause(interval) {
			return nil
		}
	}
}

// pause waits, and returns false when Ctrl-C or a signal ended that.
func (s *shell) pause(interval time.Duration) bool {
	s.db.yield()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !s.cut.Load()
	case <-s.interrupted:
		return false
	}
}

// cloneArgs copies the words of a command, unless they are longer than limit in all.
func cloneArgs(args [][]byte, limit int) [][]byte {
	copies := make([][]byte, len(args))
	for i := range args {
		if limit -= len(args[i]); limit < 0 {
			return nil
		}
		copies[i] = bytes.Clone(args[i])
	}
	return copies
}
