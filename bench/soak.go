package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A soak is many clients at work with one server, which makes everything durable before it
// replies, and is killed and stopped all the time and started again. Each client keeps a
// ledger of what was acknowledged to it: nothing of that may be lost, and nothing may leak.
type soak struct {
	clients int
	long    time.Duration
	life    time.Duration // of a server at most
}

// soaks runs a soak for NUBDB_BENCH_TIME, or twenty minutes.
func soaks(b *bench) error {
	s := soak{clients: 200, long: 20 * time.Minute, life: 10 * time.Second}
	if d, err := time.ParseDuration(os.Getenv("NUBDB_BENCH_TIME")); err == nil {
		s.long = d
	}
	r, err := s.run(b)
	if err != nil {
		return err
	}
	b.print("soak      %d clients for %v: %d commands acknowledged, %d in doubt; %d servers killed, %d stopped, the slowest in %v; nothing lost",
		s.clients, s.long, r.acknowledged.Load(), r.doubts.Load(), r.kills, r.stops, r.slowest.Round(time.Millisecond))
	b.print("soak      descriptors of the last server: %d before its clients, %d after; anonymous memory %d KiB; %d value files for %d long values",
		r.before, r.after, r.anonymous, r.files, r.longValues)
	return nil
}

// soaking is a soak under way, and what came of it.
type soaking struct {
	soak
	b      *bench
	db     string
	port   atomic.Pointer[string] // of the server; nil while there is none
	over   atomic.Bool
	ledger []*ledger

	acknowledged, doubts atomic.Int64
	kills, stops         int
	slowest              time.Duration // to stop
	before, after        int           // open descriptors
	anonymous            int           // KiB
	files, longValues    int
}

func (s soak) run(b *bench) (*soaking, error) {
	r := &soaking{soak: s, b: b, db: b.path("soak.db"), ledger: make([]*ledger, s.clients)}
	errs := make([]error, s.clients+1)
	var wg sync.WaitGroup
	for i := range r.ledger {
		r.ledger[i] = &ledger{client: i, rand: rand.New(rand.NewPCG(5, uint64(i))), known: map[string]string{}}
		wg.Go(func() { errs[i] = r.work(r.ledger[i]) })
	}
	wg.Go(func() {
		errs[s.clients] = r.reign()
		r.over.Store(true)
	})
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, r.settle()
}

// reign starts servers, one after the other, and ends each in one way or the other.
func (r *soaking) reign() error {
	random := rand.New(rand.NewPCG(6, 7))
	for start := time.Now(); time.Since(start) < r.long; {
		server, err := r.start()
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(random.Int64N(int64(r.life))))
		kill := random.IntN(2) == 0
		r.port.Store(nil)
		if kill {
			r.kills++
			server.Process.Kill()
			server.Wait()
		} else if err := r.stop(server); err != nil {
			return err
		}
	}
	return nil
}

func (r *soaking) start() (*running, error) {
	server, err := r.b.startServer("soak", func(port string) []string {
		return []string{r.b.nubdb, "--server", port, "--sync", "always", "-d", r.db}
	})
	if err == nil {
		r.port.Store(&server.port)
	}
	return server, err
}

// stop ends a server in good order, which must not take long.
func (r *soaking) stop(server *running) error {
	r.stops++
	start := time.Now()
	server.Process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	took := time.Since(start)
	r.slowest = max(r.slowest, took)
	if took > 2*time.Second {
		return fmt.Errorf("stopping the server took %v", took)
	}
	if _, err := os.Stat(filepath.Join(r.db, "sock")); err == nil {
		return errors.New("a server that was stopped has left its socket")
	}
	return nil
}

// settle looks at what the last server and the database have kept.
func (r *soaking) settle() error {
	server, err := r.start()
	if err != nil {
		return err
	}
	if r.before, err = descriptors(server.Process.Pid); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(r.ledger))
	for i, l := range r.ledger {
		wg.Go(func() { errs[i] = r.check(l, *r.port.Load()) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// The server notices that clients have gone when it comes to it.
	for range 100 {
		if r.after, err = descriptors(server.Process.Pid); err != nil || r.after <= r.before {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.anonymous = anonymousKiB(server.Process.Pid)
	if err := r.stop(server); err != nil {
		return err
	}
	if r.after > r.before {
		return fmt.Errorf("%d descriptors before the clients, %d after", r.before, r.after)
	}
	return r.leftOver()
}

// leftOver compares the files of values with the values that are long.
func (r *soaking) leftOver() error {
	if out, errs, err := (command{args: []string{r.b.nubdb, "-d", r.db, "--verify"}}).execute(); err != nil {
		return fmt.Errorf("%w: %s%s", err, out, errs)
	}
	files, err := filepath.Glob(filepath.Join(r.db, "*.val"))
	if err != nil {
		return err
	}
	r.files = len(files)
	for _, l := range r.ledger {
		for _, value := range l.known {
			if len(value) >= longValue {
				r.longValues++
			}
		}
	}
	if r.files != r.longValues {
		return fmt.Errorf("%d value files for %d long values", r.files, r.longValues)
	}
	return nil
}

// descriptors is how many descriptors a process has open. Segments of the log do not count:
// each is opened when something in it is first read.
func descriptors(pid int) (open int, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	for _, name := range names {
		if to, err := os.Readlink(filepath.Join(dir, name.Name())); err == nil && !strings.HasSuffix(to, ".log") {
			open++
		}
	}
	return open, err
}

const (
	soakKeys  = 20      // of each client
	longValue = 2 << 20 // bytes, which get a file of their own
	oneLongIn = 500     // commands
)

// ledger is what a client knows of its keys, which nobody else writes.
type ledger struct {
	client int
	rand   *rand.Rand
	serial int
	known  map[string]string // values; a key that is not here does not exist
	doubt  map[string]string // what keys have instead if the last command happened; "" for nothing
}

// errWrong is returned when a server has lost something or made it up.
var errWrong = errors.New("wrong answer")

// work sends commands to whatever server there is until the soak is over.
func (r *soaking) work(l *ledger) error {
	for !r.over.Load() {
		port := r.port.Load()
		if port == nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err := r.talk(l, *port); errors.Is(err, errWrong) {
			return err
		}
	}
	return nil
}

// talk sends commands over one connection until that is lost.
func (r *soaking) talk(l *ledger, port string) error {
	c, err := dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := l.resolve(c); err != nil {
		return err
	}
	for !r.over.Load() {
		if err := l.step(c); err != nil {
			if l.doubt != nil {
				r.doubts.Add(1)
			}
			return err
		}
		r.acknowledged.Add(1)
	}
	return nil
}

// check compares all that a client knows with what the server has.
func (r *soaking) check(l *ledger, port string) error {
	c, err := dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := l.resolve(c); err != nil {
		return err
	}
	for i := range soakKeys {
		key := l.key(i)
		if got, err := c.get(key); err != nil || got != l.known[key] {
			return l.wrong(key, got, err)
		}
	}
	return nil
}

func (l *ledger) key(i int) string { return fmt.Sprintf("client:%d:%d", l.client, i) }

func (l *ledger) anyKey() string { return l.key(l.rand.IntN(soakKeys - 1)) }

// wrong is the error for a key with a value that it should not have.
func (l *ledger) wrong(key, got string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is %.40q, was %.40q", errWrong, key, got, l.known[key])
}

// resolve finds out whether the command happened whose reply was lost: all of it, or nothing.
func (l *ledger) resolve(c *connection) error {
	if l.doubt == nil {
		return nil
	}
	before, after := true, true
	for key, value := range l.doubt {
		got, err := c.get(key)
		if err != nil {
			return err
		}
		before = before && got == l.known[key]
		after = after && got == value
	}
	switch {
	case after:
		l.happened()
	case !before:
		return fmt.Errorf("%w: half of a transaction of client %d happened", errWrong, l.client)
	}
	l.doubt = nil
	return nil
}

// happened takes over what the last command did.
func (l *ledger) happened() {
	for key, value := range l.doubt {
		if value == "" {
			delete(l.known, key)
		} else {
			l.known[key] = value
		}
	}
	l.doubt = nil
}

// step sends a command and waits for its reply.
func (l *ledger) step(c *connection) error {
	l.serial++
	value := fmt.Sprintf("%d of client %d %s", l.serial, l.client, strings.Repeat("v", l.rand.IntN(200)))
	switch l.rand.IntN(8) {
	case 0, 1:
		key := l.anyKey()
		if got, err := c.get(key); err != nil || got != l.known[key] {
			return l.wrong(key, got, err)
		}
		return nil
	case 2:
		key := l.anyKey()
		return l.write(c, map[string]string{key: ""}, []string{"DEL", key})
	case 3:
		key := l.key(soakKeys - 1) // the client's counter
		n, _ := strconv.Atoi(l.known[key])
		return l.write(c, map[string]string{key: strconv.Itoa(n + 1)}, []string{"INCR", key})
	case 4:
		a, b := l.anyKey(), l.anyKey()
		return l.write(c, map[string]string{a: value, b: value},
			[]string{"MULTI"}, []string{"SET", a, value}, []string{"SET", b, value}, []string{"EXEC"})
	}
	if l.rand.IntN(oneLongIn) == 0 {
		value += strings.Repeat("long", longValue/4)
	}
	key := l.anyKey()
	return l.write(c, map[string]string{key: value}, []string{"SET", key, value})
}

// write sends commands that have an effect together.
func (l *ledger) write(c *connection, effect map[string]string, commands ...[]string) error {
	l.doubt = effect
	reply, err := c.do(commands...)
	if err != nil {
		return err
	}
	if reply.IsError() {
		return fmt.Errorf("%w: %q answers %s", errWrong, commands[0][0], reply.Str)
	}
	l.happened()
	return nil
}
