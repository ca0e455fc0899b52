package command

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/wire"
)

// fakeOwner is a process that has the database and answers a number of requests before it
// leaves, or dies. It is the Peer of its only client, too.
type fakeOwner struct {
	t       *testing.T
	db      *engine.DB
	session *Session
	answers int // before it goes
	dies    bool
	gone    bool

	interrupted bool // answers nothing

	requests [][][]byte
	replies  []*wire.Reply
	atomic   [][][]byte
	inAtomic bool
	synced   int
}

var errReset = errors.New("connection reset by peer")

func newFakeOwner(t *testing.T, fs vfs.FS, answers int, dies bool) *fakeOwner {
	t.Helper()
	db, err := engine.Open("/db", engine.Options{FS: fs, Inline: true, LockTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	tx.Rollback()
	return &fakeOwner{t: t, db: db, session: NewInstance(db, Settings{}).NewSession(Options{Local: true}), answers: answers, dies: dies}
}

func (s *fakeOwner) Send(args [][]byte) {
	request := make([][]byte, len(args))
	for i, arg := range args {
		request[i] = slices.Clone(arg)
	}
	s.requests = append(s.requests, request)
}

func (s *fakeOwner) Receive() (*wire.Reply, error) {
	if s.interrupted {
		return nil, ErrInterrupted
	}
	for len(s.replies) == 0 {
		if s.answers == 0 {
			s.db.Close()
			s.gone = true
			if s.dies {
				return nil, errReset
			}
			return nil, ErrLeft
		}
		if len(s.requests) == 0 {
			s.t.Fatal("waits for a reply to nothing")
		}
		s.answers--
		args := s.requests[0]
		s.requests = s.requests[1:]
		s.run(args)
	}
	r := s.replies[0]
	s.replies = s.replies[1:]
	return r, nil
}

func (s *fakeOwner) reply(r wire.Reply) {
	encoded := wire.AppendRESP3(nil, &r)
	decoded, err := wire.NewReplyReader(bytes.NewReader(encoded)).Read()
	if err != nil {
		s.t.Fatal(err)
	}
	s.replies = append(s.replies, &decoded)
}

func (s *fakeOwner) run(args [][]byte) {
	switch {
	case string(args[0]) == "NUBDB" && string(args[1]) == "ATOMIC":
		s.inAtomic = true
		s.reply(wire.OK)
	case string(args[0]) == "NUBDB":
		s.commit()
	case s.inAtomic:
		s.atomic = append(s.atomic, args)
		s.reply(wire.Queued)
	case string(args[0]) == "FSYNC":
		s.synced++
		fallthrough
	default:
		s.reply(s.session.Do(args))
	}
}

func (s *fakeOwner) commit() {
	if err := s.session.BeginAtomic(); err != nil {
		s.t.Fatal(err)
	}
	var replies []wire.Reply
	ok := true
	for _, args := range s.atomic {
		r := s.session.kept.reply(s.session.Do(args))
		if replies = append(replies, r); failed(&r) {
			ok = false
			break
		}
	}
	s.reply(wire.Integer(int64(len(replies))))
	for _, r := range replies {
		s.reply(r)
	}
	if !ok {
		s.session.Rollback()
		s.reply(wire.Error("ERR rolled back"))
		return
	}
	if err := s.session.Commit(); err != nil {
		s.t.Fatal(err)
	}
	s.reply(wire.OK)
}

func (s *fakeOwner) Interrupt()      { s.interrupted = true }
func (s *fakeOwner) ClearInterrupt() {}
func (s *fakeOwner) Close()          {}

// clientOf is a hold on the database whose owners are servers, one after the other, and which
// keeps what it was answered.
func clientOf(t *testing.T, fs vfs.FS, oneByOne bool, next ...func() *fakeOwner) (d *Database, answered *[]string) {
	answered = new([]string)
	var current *fakeOwner
	start := func() {
		current = nil
		if len(next) > 0 {
			current, next = next[0](), next[1:]
		}
	}
	start()
	return NewDatabase(DatabaseOptions{
		Path: "/db", OneByOne: oneByOne,
		Engine: engine.Options{FS: fs, Inline: true, LockTimeout: time.Minute},
		Reply: func(c *wire.Command, r *wire.Reply) {
			*answered = append(*answered, fmt.Sprintf("%d %s", c.Line, wire.AppendRESP2(nil, r)))
		},
		Waiting: func(wait func()) {
			if current != nil && current.gone {
				start()
			}
			wait()
		},
		Connect: func(PeerOptions) Peer {
			if current == nil {
				t.Error("connects to nobody")
				return nil
			}
			return current
		},
	}), answered
}

// play runs commands in groups of n, and returns what ended it.
func play(d *Database, n int, commands ...string) error {
	for i, c := range commands {
		args := split(c)
		if err := d.Do(Find(args), &wire.Command{Args: args, Line: i + 1}); err != nil {
			return err
		}
		if d.atomic.wanted && d.db != nil && failed(&d.session.reply) {
			return ErrRolledBack // as the front end, which has heard of it, does
		}
		if (i+1)%n == 0 {
			if err := d.Acknowledge(); err != nil {
				return err
			}
		}
	}
	return d.Acknowledge()
}

var script = []string{
	"SET a 1", "INCR a", "NOSUCH", "HELP GET", "MULTI", "INCR a", "GET a", "HELP GET", "EXEC", "INCR a",
	"MULTI", "INCR a", "DISCARD", "MULTI", "NOSUCH", "INCR a", "EXEC", "WATCH a", "UNWATCH", "MULTI", "INCR b", "EXEC", "MGET a b", "GET none",
	"WATCH a", "SET a 5", "MULTI", "INCR a", "EXEC", "GET a",
	"SUBSCRIBE news", "MULTI", "INCR a", "SUBSCRIBE news", "EXEC", "GET a",
}

// alone is what a script answers when nobody else has the database.
func alone(t *testing.T, commands []string) []string {
	t.Helper()
	d, answered := clientOf(t, vfs.NewMem(), false)
	if err := play(d, 5, commands...); err != nil {
		t.Fatal(err)
	}
	d.Close()
	return *answered
}

// Wherever a server leaves in good order, the commands and their replies are those of a run
// that has the database to itself: each happens exactly once.
func TestServerLeaves(t *testing.T) {
	want := alone(t, script)
	for _, group := range []int{1, 4, len(script)} {
		for first := range len(script) + 1 {
			for _, second := range []int{-1, 0, 3} {
				fs := vfs.NewMem()
				servers := []func() *fakeOwner{func() *fakeOwner { return newFakeOwner(t, fs, first, false) }}
				if second >= 0 {
					servers = append(servers, func() *fakeOwner { return newFakeOwner(t, fs, second, false) })
				}
				d, answered := clientOf(t, fs, group == 1, servers...)
				if err := play(d, group, script...); err != nil {
					t.Fatalf("leaves after %d and %d, groups of %d: %v", first, second, group, err)
				}
				if !slices.Equal(*answered, want) {
					t.Fatalf("leaves after %d and %d, groups of %d:\n%q\nwant\n%q", first, second, group, *answered, want)
				}
				d.Close()
			}
		}
	}
}

// A transaction that watches keys runs nothing when the server has left in between, since
// they may have changed.
func TestServerLeavesWatch(t *testing.T) {
	commands := []string{"SET a 1", "WATCH a", "GET a", "MULTI", "INCR a", "EXEC", "GET a"}
	for _, servers := range []int{1, 2} {
		for leaves := range len(commands) {
			fs := vfs.NewMem()
			start := []func() *fakeOwner{
				func() *fakeOwner { return newFakeOwner(t, fs, leaves, false) },
				func() *fakeOwner { return newFakeOwner(t, fs, -1, false) },
			}
			d, answered := clientOf(t, fs, false, start[:servers]...)
			if err := play(d, len(commands), commands...); err != nil {
				t.Fatal(err)
			}
			want := []string{"6 *1\r\n:2\r\n", "7 $1\r\n2\r\n"}
			if 2 <= leaves && leaves <= 5 {
				want = []string{"6 *-1\r\n", "7 $1\r\n1\r\n"}
			}
			if got := (*answered)[5:]; !slices.Equal(got, want) {
				t.Errorf("leaves after %d: %q, want %q", leaves, got, want)
			}
		}
	}
}

// When a server dies, what it has not answered is in doubt, and nothing else; what it has
// answered is made durable by whoever has the database next.
func TestServerDies(t *testing.T) {
	for answers := range 5 {
		fs := vfs.NewMem()
		d, answered := clientOf(t, fs, false, func() *fakeOwner { return newFakeOwner(t, fs, answers, true) })
		err := play(d, 5, "INCR a", "INCR a", "INCR a", "INCR a", "INCR a")
		var unknown *UnknownOutcome
		if !errors.As(err, &unknown) || unknown.First != answers+1 || unknown.Last != 5 {
			t.Fatalf("dies after %d: %+v", answers, err)
		}
		if len(*answered) != answers {
			t.Errorf("%d replies, want %d", len(*answered), answers)
		}
		if r := d.Run(split("INCR a")); r.Int != int64(answers+1) {
			t.Errorf("goes on with %+v", r)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A command that only reads is as well asked again.
func TestServerDiesReading(t *testing.T) {
	fs := vfs.NewMem()
	d, answered := clientOf(t, fs, false, func() *fakeOwner { return newFakeOwner(t, fs, 1, true) })
	if err := play(d, 1, "SET a 1", "GET a"); err != nil || !slices.Equal(*answered, []string{"1 +OK\r\n", "2 $1\r\n1\r\n"}) {
		t.Errorf("%v, %q", err, *answered)
	}
	d.Close()
}

// An interrupt ends a long command there as it does here, and the next goes on.
func TestForwardedInterrupt(t *testing.T) {
	fs := vfs.NewMem()
	first := newFakeOwner(t, fs, -1, false)
	second := &fakeOwner{t: t, db: first.db, session: first.session, answers: -1} // of the same process
	next := []*fakeOwner{first, second}
	d, _ := clientOf(t, fs, false)
	d.opt.Connect = func(PeerOptions) Peer {
		peer := next[0]
		next = next[1:]
		return peer
	}
	runs(t, d, "SET a 1")
	first.interrupted = true
	if r := d.Run(split("KEYS *")); string(r.Str) != string(errInterrupted) {
		t.Errorf("KEYS answers %q", r.Str)
	}
	if r := d.Run(split("GET a")); string(r.Str) != "1" {
		t.Errorf("GET answers %q", r.Str)
	}
	second.interrupted = true
	r := d.Run(split("INCR a"))
	if !strings.Contains(string(r.Str), "outcome unknown") {
		t.Errorf("INCR answers %q", r.Str)
	}
}

// A server that leaves while it is idle, or about to sync, takes no transaction with it.
func TestServerLeavesAtSync(t *testing.T) {
	for _, dies := range []bool{false, true} {
		fs := vfs.NewMem()
		d, _ := clientOf(t, fs, false, func() *fakeOwner { return newFakeOwner(t, fs, 3, dies) })
		runs(t, d, "SET a 1", "MULTI", "INCR a")
		if err := d.Idle(time.Now().Add(2 * syncEvery)); err != nil || d.Forwarded() {
			t.Fatalf("sync: %v", err)
		}
		if r := runs(t, d, "EXEC"); len(r.Elems) != 1 || r.Elems[0].Int != 2 {
			t.Errorf("EXEC answers %+v", r)
		}
		d.Close()
	}
}

// A run that has written ends with a sync, which the server makes whatever its own policy is.
func TestForwardedSync(t *testing.T) {
	for _, test := range []struct {
		command string
		policy  SyncPolicy
		want    int
	}{{"SET a 1", SyncEnd, 1}, {"GET a", SyncEnd, 0}, {"SET a 1", SyncNo, 0}, {"SET a 1", SyncAlways, 0}} {
		fs := vfs.NewMem()
		s := newFakeOwner(t, fs, -1, false)
		d, _ := clientOf(t, fs, false, func() *fakeOwner { return s })
		d.opt.Sync = test.policy
		if err := play(d, 1, test.command); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil || s.synced != test.want {
			t.Errorf("%s, policy %d: synced %d times, %v; want %d", test.command, test.policy, s.synced, err, test.want)
		}
	}
}

// An atomic run happens once as a whole, or not at all, wherever the server leaves or dies.
func TestForwardedAtomic(t *testing.T) {
	for _, test := range []struct {
		name     string
		commands []string
		want     error
		replies  int
	}{
		{"whole", []string{"INCR a", "HELP GET", "INCR a", "MULTI", "INCR a", "EXEC"}, nil, 6},
		{"failing", []string{"INCR a", "RENAME none x", "INCR a"}, ErrRolledBack, 2},
	} {
		for answers := range len(test.commands) + 3 {
			for _, dies := range []bool{false, true} {
				fs := vfs.NewMem()
				d, answered := clientOf(t, fs, false, func() *fakeOwner { return newFakeOwner(t, fs, answers, dies) })
				d.Atomic(true)
				err := play(d, 100, test.commands...)
				if err == nil {
					err = d.Commit()
				}
				if inDoubt := new(UnknownOutcome); errors.As(err, &inDoubt) {
					if !dies || answers < len(test.commands)+1 {
						t.Errorf("%s, goes after %d: in doubt, although nothing was committed", test.name, answers)
					}
					continue
				}
				if !errors.Is(err, test.want) || len(*answered) != test.replies {
					t.Errorf("%s, goes after %d, dies: %v: %v, %q", test.name, answers, dies, err, *answered)
				}
				want := ":3\r\n"
				if test.want != nil {
					want = "_\r\n"
				}
				d.Close()
				after := holdOn(fs, SyncEnd)
				after.opt.Engine.LockTimeout = 0
				if answers == len(test.commands)+2 { // it is still there
					continue
				}
				r := after.Run(split("GET a"))
				if r.Kind == wire.KindBulk {
					r = wire.Reply{Kind: wire.KindInteger, Int: int64(r.Str[0] - '0')}
				}
				if got := string(wire.AppendRESP3(nil, &r)); got != want {
					t.Errorf("%s, goes after %d: a is %q, want %q", test.name, answers, got, want)
				}
				after.Close()
			}
		}
	}
}
