package command

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/engine"
)

// Settings are what a process tells its sessions about itself. The zero value is
// that of a process without listeners.
type Settings struct {
	Path string // of the database, for INFO and CONFIG GET dir

	Port        int           // of the TCP listener, 0 if there is none
	Socket      string        // path of the unix socket, "" if there is none
	RequirePass string        // what AUTH demands before all else; "": nothing
	MaxClients  int           // connections at the same time; 0: 10,000
	MaxRequest  int64         // bytes of one request; 0: 64 MiB
	MaxSize     int64         // bytes of live data; 0: no limit
	Timeout     time.Duration // after which an idle client is disconnected; 0: never

	Sync func() SyncPolicy // the policy in force; nil: SyncEnd

	// Shutdown asks the process to end, after a sync if save, and returns at once.
	// nil: SHUTDOWN is an error.
	Shutdown func(save bool)

	// Measure makes SLOWLOG, LATENCY and INFO commandstats measure the time that
	// each command takes, at the price of one look at the clock.
	Measure bool
}

// Instance is what all sessions on one open database share: the settings, the
// clients, who listens to what, and what was counted. It costs next to nothing
// until a command asks for more.
//
// One mutex does for all of it, because nothing of it is touched by commands that
// work on data, but for the atomics: each session counts by itself and adds up
// once a group.
type Instance struct {
	db      *engine.DB
	set     Settings
	started time.Time
	lastID  atomic.Int64 // of a client

	attention atomic.Uint32 // what sessions have to mind besides their commands: measured, monitored, paused
	slowest   atomic.Int64  // nanoseconds from which tookLong wants to know of a command
	totals    totals
	stats     []commandStat // by Spec.number; nil without Settings.Measure

	mu       sync.Mutex // guards what follows, and Session.peer of all sessions
	sessions map[*Session]struct{}
	config   config
	channels topics
	patterns topics
	monitors int // sessions that run MONITOR
	pause    pause
	slow     slowLog
	latency  latencyLog
	errors   map[string]int64 // error replies by their code
	saved    time.Time        // the last SAVE or BGSAVE
	runID    string           // of INFO, made when it is first asked for
}

const (
	defaultMaxClients = 10_000
	defaultMaxRequest = 64 << 20
)

// NewInstance begins the sessions' common life on an open database, which the caller
// closes after Close.
func NewInstance(db *engine.DB, o Settings) *Instance {
	if o.MaxClients == 0 {
		o.MaxClients = defaultMaxClients
	}
	if o.MaxRequest == 0 {
		o.MaxRequest = defaultMaxRequest
	}
	if o.Sync == nil {
		o.Sync = func() SyncPolicy { return SyncEnd }
	}
	in := &Instance{db: db, set: o, started: time.Now(), sessions: map[*Session]struct{}{}, config: newConfig(&o)}
	in.saved = in.started
	in.apply()
	if o.Measure {
		in.stats = make([]commandStat, numberRows())
		in.attention.Store(measured)
	}
	return in
}

// attach makes db the database of the instance and of a session: nil while a Database has
// let go of it, when only commands that need none are run.
func (in *Instance) attach(db *engine.DB, s *Session) { in.db, s.db = db, db }

// Close ends what the instance has started. Its sessions must not run commands
// any more.
func (in *Instance) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.unpause()
}

// NewSession begins a session. The caller ends it with Session.Close, unless it
// drops the instance with all of its sessions.
func (in *Instance) NewSession(o Options) *Session {
	s := &Session{in: in, db: in.db, opt: o, interrupt: make(chan struct{}, 1), id: in.lastID.Add(1)}
	s.protocol.Store(2)
	s.peer.began = time.Now()
	s.peer.queued.Store(-1)
	in.mu.Lock()
	defer in.mu.Unlock()
	s.mustAuth = !o.Local && in.config.requirePass != ""
	in.sessions[s] = struct{}{}
	if o.Push != nil {
		in.totals.connections.Add(1)
	}
	return s
}

// Close ends the session: it leaves the registries of the instance and drops its
// subscriptions, its watched keys and what it has queued. A group must have ended.
func (s *Session) Close() {
	s.note()
	s.multi.reset()
	s.watched.reset()
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.leaveAll()
	s.stopMonitor()
	delete(s.in.sessions, s)
}

// MaxClients is the number of connections that a server may have at the same
// time, by CONFIG SET maxclients.
func (in *Instance) MaxClients() int { return in.current().maxClients }

// Timeout is the time after which a server disconnects an idle client, by CONFIG
// SET timeout; 0 is never.
func (in *Instance) Timeout() time.Duration { return in.current().timeout }

// RequiresPassword tells whether clients have to AUTH first.
func (in *Instance) RequiresPassword() bool { return in.current().requirePass != "" }

func (in *Instance) current() config {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.config
}

// apply makes a changed config felt. in.mu is held, or nobody knows of in yet.
func (in *Instance) apply() {
	slowest := time.Duration(math.MaxInt64)
	if in.config.slowerThan >= 0 {
		slowest = in.config.slowerThan
	}
	if limit := in.config.latencyThreshold; limit > 0 {
		slowest = min(slowest, limit)
	}
	in.slowest.Store(int64(slowest))
	in.slow.trim(in.config.slowLogMax)
}
