package command

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

func (c *client) do(line string) string { return do(c.Session, line) }

// TestClientList: a line for each client, with all fields that Valkey 8.1 has and that
// mean something here, in its order.
func TestClientList(t *testing.T) {
	in := server(t, Settings{})
	a, b := newClient(in, "127.0.0.1:1000"), newClient(in, "/tmp/sock:0")
	expect(t, a.Session, [2]string{"CLIENT SETNAME first", "OK"}, [2]string{"CLIENT SETINFO lib-name redis-py", "OK"}, [2]string{"CLIENT SETINFO LIB-VER 5.0", "OK"})
	b.do("HELLO 3")
	b.do("SUBSCRIBE x y")
	b.do("PSUBSCRIBE z*")
	b.do("CLIENT NO-EVICT ON")
	b.do("WATCH k l")
	b.do("MULTI")
	b.do("GET k")
	const rest = "qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r"
	want := "$id=1 addr=127.0.0.1:1000 laddr=127.0.0.1:6379 fd=8 name=first age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 " + rest +
		" cmd=client|list user=default redir=-1 resp=2 lib-name=redis-py lib-ver=5.0\n" +
		"id=2 addr=/tmp/sock:0 laddr=127.0.0.1:6379 fd=8 name= age=0 idle=0 flags=PxUe db=0 sub=2 psub=1 ssub=0 multi=1 watch=2 " + rest +
		" cmd=get user=default redir=-1 resp=3 lib-name= lib-ver=\n"
	expect(t, a.Session, [2]string{"CLIENT LIST", want})
	for filter, ids := range map[string]string{
		"TYPE pubsub": "2", "TYPE normal": "1", "TYPE master": "", "ID 2 7": "2", "ID 1 2": "1 2", "ID 9": "",
	} {
		found := regexp.MustCompile(`(?m)^\$?id=(\d+)`).FindAllStringSubmatch(a.do("CLIENT LIST "+filter), -1)
		var got []string
		for _, f := range found {
			got = append(got, f[1])
		}
		if strings.Join(got, " ") != ids {
			t.Errorf("CLIENT LIST %s: %v, want %s", filter, got, ids)
		}
	}
	b.Close()
	if got := a.do("CLIENT LIST"); strings.Count(got, "\n") != 1 {
		t.Errorf("a session that was closed is still there: %s", got)
	}
	expect(t, a.Session, [2]string{"PUBSUB NUMSUB x", "[$x :0]"}, [2]string{"PUBSUB NUMPAT", ":0"})
}

func TestClientKill(t *testing.T) {
	in := server(t, Settings{})
	me := newClient(in, "127.0.0.1:1000")
	for _, c := range []struct{ filter, reply, killed string }{
		{"127.0.0.1:1002", "OK", "2"},
		{"ADDR 127.0.0.1:1002", ":1", "2"},
		{`""`, "ERR No such client", ""},
		{`ADDR ""`, ":0", ""},
		{`LADDR ""`, ":0", ""},
		{"LADDR 127.0.0.1:6379", ":2", "1 2"},
		{"ID 9999", ":0", ""},
		{"TYPE normal", ":1", "1"},
		{"TYPE pubsub", ":1", "2"},
		{"TYPE normal ADDR 127.0.0.1:1002", ":0", ""},
		{"USER default", ":2", "1 2"},
		{"MAXAGE 3600", ":0", ""},
		{"MAXAGE 0", "ERR maxage is not an integer or out of range", ""},
	} {
		clients := []*client{newClient(in, "127.0.0.1:1001"), newClient(in, "127.0.0.1:1002")}
		clients[1].do("SUBSCRIBE x")
		expect(t, me.Session, [2]string{"CLIENT KILL " + c.filter, c.reply})
		var killed []string
		for i, other := range clients {
			if other.gone {
				killed = append(killed, fmt.Sprint(i+1))
			}
			other.Close()
		}
		if got := strings.Join(killed, " "); got != c.killed {
			t.Errorf("CLIENT KILL %s has killed %q, want %q", c.filter, got, c.killed)
		}
	}
	if me.gone || me.Quit() {
		t.Error("who kills others is spared")
	}
	expect(t, me.Session, [2]string{"CLIENT KILL SKIPME no ID 1", ":1"})
	if me.gone || !me.Quit() {
		t.Error("who kills itself gets the reply first")
	}
}

// TestClientPause: commands wait as long as they should, others do not, and the end of a
// pause is felt at once.
func TestClientPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := engine.Open(engine.Memory, engine.Options{Inline: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		in := NewInstance(db, Settings{})
		a, b := newClient(in, "a"), newClient(in, "b")
		took := func(c *client, line, want string) time.Duration {
			start := time.Now()
			if got := c.do(line); got != want {
				t.Errorf("%s: %s", line, got)
			}
			return time.Since(start).Round(time.Millisecond)
		}
		check := func(what string, got, want time.Duration) {
			if got != want {
				t.Errorf("%s took %v, want %v", what, got, want)
			}
		}
		a.do("CLIENT PAUSE 1000 WRITE")
		check("reading", took(b, "GET k", "nil"), 0)
		check("a write", took(b, "SET k v", "OK"), time.Second)
		check("the next write", took(b, "SET k w", "OK"), 0)
		a.do("CLIENT PAUSE 500")
		if !b.MayWait(Lookup([]byte("PING"))) {
			t.Error("nothing tells that PING may wait")
		}
		check("PING", took(b, "PING", "PONG"), 500*time.Millisecond)
		if b.MayWait(Lookup([]byte("PING"))) {
			t.Error("PING may wait after the pause")
		}
		b.do("MULTI")
		b.do("SET k x")
		a.do("CLIENT PAUSE 300 WRITE")
		a.do("CLIENT PAUSE 100 WRITE") // the longer one counts
		check("EXEC of a write", took(b, "EXEC", "[OK]"), 300*time.Millisecond)

		a.do("CLIENT PAUSE 100000")
		var wait sync.WaitGroup
		wait.Go(func() { check("unpaused", took(b, "SET k y", "OK"), 200*time.Millisecond) })
		time.Sleep(200 * time.Millisecond)
		check("CLIENT UNPAUSE", took(a, "CLIENT UNPAUSE", "OK"), 0)
		wait.Wait()

		a.do("CLIENT PAUSE 100000")
		wait.Go(func() { check("interrupted", took(b, "SET k z", errInterrupted.Error()), 50*time.Millisecond) })
		time.Sleep(50 * time.Millisecond)
		b.Interrupt()
		wait.Wait()
		a.do("CLIENT UNPAUSE")
		expect(t, a.Session, [2]string{"GET k", "$y"})
	})
}

// TestMonitor: what is shown, to whom, and what is kept from them.
func TestMonitor(t *testing.T) {
	in := server(t, Settings{RequirePass: "secret"})
	m, c := newClient(in, "127.0.0.1:1000"), newClient(in, "127.0.0.1:1001")
	m.do("AUTH secret")
	expect(t, m.Session, [2]string{"MONITOR", "OK"}, [2]string{"MONITOR", "OK"}, [2]string{"GET k", errMonitor.Error()})
	m.received()
	for _, line := range []string{
		"GET k", "AUTH secret", "hello 2 auth default secret setname me", "set k \x00é\"\\\r\n", "FOO", "GET", "CONFIG SET requirepass other", "CLIENT LIST",
		"MULTI", "GET k", "PING", "EXEC",
	} {
		c.do(strings.TrimRight(line, "\x00"))
	}
	got := regexp.MustCompile(`\d{10}\.\d{6}`).ReplaceAllString(m.received(), "TIME")
	want := ""
	for _, line := range []string{
		`"AUTH" "(redacted)"`, `"hello" "2" "auth" "(redacted)" "(redacted)" "(redacted)" "(redacted)"`,
		`"set" "k" "\x00\xc3\xa9\"\\"`, `"MULTI"`, `"GET" "k"`, `"PING"`, `"EXEC"`,
	} {
		want += "+TIME [0 127.0.0.1:1001] " + line + "\r\n"
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.send(words("PING")) // its own line comes behind the reply
	if got := m.received(); !regexp.MustCompile(`^\+PONG\r\n\+[0-9.]+ \[0 127.0.0.1:1000\] "PING"\r\n$`).MatchString(got) {
		t.Errorf("its own command: %q", got)
	}
	m.do("RESET")
	m.received()
	c.do("PING")
	if got := m.received(); got != "" {
		t.Errorf("after RESET: %q", got)
	}
	if in.attention.Load() != 0 {
		t.Error("commands are still looked at")
	}
}

// TestRefused: commands that need a connection, or to be on the machine of the database.
func TestRefused(t *testing.T) {
	in := server(t, Settings{RequirePass: "secret"})
	batch := in.NewSession(Options{Local: true})
	expect(t, batch, [2]string{"PING", "PONG"}, [2]string{"HELLO 3", "ERR HELLO needs a connection to a server"},
		[2]string{"SUBSCRIBE x", "ERR SUBSCRIBE needs a connection to a server"}, [2]string{"MONITOR", "ERR MONITOR needs a connection to a server"},
		[2]string{"CLIENT REPLY OFF", "ERR CLIENT REPLY needs a connection to a server"}, [2]string{"CLIENT GETNAME", "nil"})
	c := newClient(in, "127.0.0.1:1000")
	expect(t, c.Session, [2]string{"BACKUP /tmp/x", errNoAuth.Error()}, [2]string{"AUTH secret", "OK"},
		[2]string{"BACKUP /tmp/x", "ERR BACKUP is not allowed over the network: use it on the machine of the database"})
	alone := newSession(nil, Options{})
	expect(t, alone, [2]string{"SHUTDOWN", notServer("SHUTDOWN").Error()}, [2]string{"CONFIG SET timeout 1", notServer("CONFIG SET").Error()})
}

func TestShutdown(t *testing.T) {
	for line, want := range map[string]string{"SHUTDOWN": "save", "SHUTDOWN SAVE": "save", "shutdown nosave now force": "no save"} {
		got := ""
		in := NewInstance(open(t, engine.Options{}), Settings{Shutdown: func(save bool) {
			if got = "no save"; save {
				got = "save"
			}
		}})
		c := newClient(in, "127.0.0.1:1000")
		if r := c.Do(words(line)); got != want || !c.Quit() || r.Kind != wire.KindNone {
			t.Errorf("%s: %q, %v", line, got, r)
		}
		local := in.NewSession(Options{Local: true})
		if expect(t, local, [2]string{line, "OK"}); local.Quit() {
			t.Error("a local client has to go before the server")
		}
	}
}

// TestConcurrentClients is for the race detector: sessions of several goroutines look at
// each other, talk to each other and end.
func TestConcurrentClients(t *testing.T) {
	in := server(t, Settings{Measure: true})
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for n := range 20 {
				s := in.NewSession(Options{Addr: fmt.Sprint(i), Push: func(*wire.Reply) {}, Kill: func() {}})
				s.Begin()
				for _, line := range []string{
					"HELLO 3", "CLIENT SETNAME x", "SUBSCRIBE a b", "PSUBSCRIBE a*", "PUBLISH a x", "MONITOR", "CLIENT LIST", "INFO everything", "UNSUBSCRIBE a",
					"CONFIG SET slowlog-log-slower-than 0", "SLOWLOG GET", "CLIENT KILL TYPE pubsub", "CLIENT PAUSE 0", "RESET", "INCR n", "CONFIG RESETSTAT",
				} {
					if r := s.Do(words(line)); r.IsError() {
						t.Errorf("%s: %s", line, r.Str)
					}
				}
				end(t, s)
				if n%2 == 0 {
					s.Close()
				}
			}
		})
	}
	wait.Wait()
	expect(t, newClient(in, "last").Session, [2]string{"GET n", "$80"})
}
