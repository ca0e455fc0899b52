package command

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/engine"
)

// Settings are what a process tells its sessions about itself. The zero value is
// that of a process without listeners.
type Settings struct {
	Version string // of NubDB, for INFO
	Path    string // of the database, for INFO and CONFIG GET dir

	Port        int           // of the TCP listener, 0 if there is none
	Socket      string        // path of the unix socket, "" if there is none
	RequirePass string        // what AUTH demands before all else; "": nothing
	MaxClients  int           // connections at the same time; 0: 10,000
	MaxRequest  int64         // bytes of one request; 0: 64 MiB
	MaxSize     int64         // bytes of live data; 0: no limit
	Timeout     time.Duration // after which an idle client is disconnected; 0: never

	Sync     func() SyncPolicy // the policy in force; nil: SyncEnd
	Shutdown func(save bool)   // asks the process to end, with a sync if save, and returns at once; nil: SHUTDOWN is an error

	// Measure makes SLOWLOG, LATENCY and INFO commandstats measure the time that
	// each command takes, at the price of one look at the clock.
	Measure bool
}

// Instance is what all sessions on one open database share: the settings and the
// clients. It costs next to nothing until a command asks for more.
type Instance struct {
	db      *engine.DB
	set     Settings
	started time.Time
	lastID  atomic.Int64 // of a client

	mu     sync.Mutex // guards config
	config config
}

// config is what CONFIG SET can change.
type config struct {
	requirePass string
	maxClients  int
	timeout     time.Duration
}

// defaultMaxClients is how many clients a server takes unless it is told otherwise.
const defaultMaxClients = 10_000

// NewInstance begins the sessions' common life on an open database, which the caller
// closes after Close.
func NewInstance(db *engine.DB, o Settings) *Instance {
	if o.MaxClients == 0 {
		o.MaxClients = defaultMaxClients
	}
	return &Instance{
		db: db, set: o, started: time.Now(),
		config: config{requirePass: o.RequirePass, maxClients: o.MaxClients, timeout: o.Timeout},
	}
}

// attach makes db the database of the instance and of a session: nil while a Database has
// let go of it, when only commands that need none are run.
func (in *Instance) attach(db *engine.DB, s *Session) { in.db, s.db = db, db }

// Close ends what the instance has started. Its sessions must not run commands
// any more.
func (in *Instance) Close() {}

// NewSession begins a session. The caller ends it with Session.Close, unless it
// drops the instance with all of its sessions.
func (in *Instance) NewSession(o Options) *Session {
	s := &Session{in: in, db: in.db, opt: o, interrupt: make(chan struct{}, 1), id: in.lastID.Add(1)}
	s.mustAuth = !o.Local && in.RequiresPassword()
	s.protocol.Store(2)
	return s
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
