package command

import (
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
)

// TestValkeyStream gives random commands to sessions here and to a real server: alone, in
// groups and, a tenth of them, as one atomic run; replies are compared in RESP2 or, if the
// seed is odd, in RESP3. They are those on data; package server has a stream of all.
// NUBDB_STREAM is their number, 20,000 by default, NUBDB_SEED repeats a run.
func TestValkeyStream(t *testing.T) {
	n := redistest.Length(t, 20_000)
	w := newTwins(t, 2)
	g, seed := redistest.NewGenerator(t, w.socket)
	if seed%2 == 1 {
		w.useRESP3(t)
	}
	last := 0
	for range n {
		session := 0
		if g.Chance(0.1) {
			session = 1
		}
		if session != last || g.Chance(0.1) {
			end(t, w.sessions[last])
			if g.Chance(0.7) {
				w.sessions[session].Begin()
			}
		}
		last = session
		w.runRandom(t, g, session)
	}
	end(t, w.sessions[last])

	if err := w.sessions[0].BeginAtomic(); err != nil {
		t.Fatal(err)
	}
	defer w.sessions[0].Rollback() // or a failure could not close the database
	for range n / 10 {
		w.runRandom(t, g, 0)
	}
	if err := w.sessions[0].Commit(); err != nil {
		t.Fatal(err)
	}
	w.run(t, 1, words("DISCARD"))
	w.run(t, 1, words("KEYS *"))
	w.run(t, 1, words("MGET a b c d e f ab abc"))
}

func (w *twins) runRandom(t *testing.T, g *redistest.Generator, session int) {
	t.Helper()
	args := randomCommand(g, w.sessions[session], session)
	for args == nil {
		args = randomCommand(g, w.sessions[session], session)
	}
	w.run(t, session, args)
}

func end(t *testing.T, s *Session) {
	t.Helper()
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
}

// randomCommand makes a command for a session, nil if it is one that is not for it. Session 0
// watches and session 1 never deletes: a watched key that was absent, came and went in another
// session counts as changed in Redis and not here.
func randomCommand(g *redistest.Generator, s *Session, number int) [][]byte {
	c := g.Commands[g.IntN(len(g.Commands))]
	spec := Find(redistest.Bytes(c.Words()))
	if spec == nil || strings.HasSuffix(spec.Name, " HELP") || len(spec.Sub) > 0 || excluded(g, spec, s) {
		return nil
	}
	line := g.Line(c)
	switch {
	case line == nil:
		return nil
	case (s.Watching() || number == 1) && redistest.ChangesNothing(line):
		return nil
	case number == 1 && (spec.Name == "WATCH" || spec.Has(Write) && !strings.Contains("SET MSET APPEND INCR SETNX SETBIT BITFIELD", spec.Name)):
		return nil
	}
	return redistest.Bytes(line)
}

// excluded tells whether a command is not for a session that has no connection, or has
// replies that differ.
func excluded(g *redistest.Generator, spec *Spec, s *Session) bool {
	switch spec.Name {
	case "QUIT", "TIME", "LASTSAVE", "RANDOMKEY", "SELECT", "RESET", "WAIT", "MEMORY USAGE", "CLIENT ID":
		return true
	}
	switch {
	case strings.HasPrefix(spec.Name, "COMMAND"): // differ, because the tables do
		return true
	case spec.Flags&(NoBatch|Admin|OutsideTx|Text) != 0: // about the server or a connection
		return true
	case s.atomic && spec.Has(NoAtomic): // errors that Redis does not have
		return true
	case s.InMulti() && spec.Has(NoMulti): // errors of Valkey 8, not of Redis 7.0
		return true
	}
	return spec.Has(Confirm) && g.Chance(0.9) // would leave little to work on
}
