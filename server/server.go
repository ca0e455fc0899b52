package server

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// Config is what a server does. Run fills in the defaults where a field is zero.
type Config struct {
	Version string         // of NubDB
	DB      string         // directory of the database, or ":memory:"
	Engine  engine.Options // Log is set by Run
	Sync    command.SyncPolicy
	Stderr  *os.File

	TCP        bool     // listens on Port
	Port       int      // 0 takes a free one
	Bind       []string // addresses; 127.0.0.1 and, where present, ::1 if there are none
	UnixSocket string   // path of one more listener
	In, Out    string   // named pipes for commands and replies, made if they are missing; "" for none
	Password   string   // empty: none
	TLS        TLS

	MaxRequest   int64         // bytes of a command; 64 MiB
	MaxClients   int           // 10,000
	IdleTimeout  time.Duration // of a client that sends nothing; 0 for none
	WriteTimeout time.Duration // of a client that takes nothing of what waits for it; 1 minute

	Metrics string // address for Prometheus, empty for none
	LogJSON bool   // log lines are JSON, else text
}

const (
	defaultMaxRequest   = 64 << 20
	defaultMaxClients   = 10_000
	defaultWriteTimeout = time.Minute
)

// ErrUsage is returned by Run, before anything was done, for what a Config must not say.
var ErrUsage = errors.New("wrong usage")

// drainTime is how long a server that stops goes on to answer what it has read.
const drainTime = time.Second

// Server is a running server.
type Server struct {
	cfg       Config
	log       *slog.Logger
	db        *engine.DB
	instance  *command.Instance
	loop      *loop
	most      int    // connections that the limit of open files allows
	localPath string // of the socket in the database's directory
	syncer    syncer
	stopFIFO  func()         // ends the goroutine of the named pipes and waits for it; nil if there are none
	beside    sync.WaitGroup // commands that run beside the loop
	failure   atomic.Pointer[error]
	stopping  atomic.Bool
}

// Run serves until SIGTERM, SIGINT, SIGHUP or SHUTDOWN, which end it in good order: it
// returns nil when everything acknowledged is on stable storage. Errors: ErrUsage,
// engine.ErrBusy and the others of engine.Open, and those of the system.
func Run(cfg Config) error {
	cfg.setDefaults()
	s := &Server{cfg: cfg, log: newLog(cfg.Stderr, cfg.LogJSON)}
	if err := cfg.check(); err != nil {
		return err
	}
	stop := s.handleSignals()
	defer stop()
	if err := s.open(); err != nil {
		return err
	}
	err := s.listen()
	if err == nil {
		s.announce()
		s.loop.run()
	}
	if e := s.close(); err == nil {
		err = e
	}
	if failure := s.failure.Load(); failure != nil {
		err = *failure
	}
	return err
}

func (cfg *Config) setDefaults() {
	if cfg.MaxRequest == 0 {
		cfg.MaxRequest = defaultMaxRequest
	}
	if cfg.MaxClients == 0 {
		cfg.MaxClients = defaultMaxClients
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = defaultWriteTimeout
	}
	if cfg.Stderr == nil {
		cfg.Stderr = os.Stderr
	}
}

// open opens the database and makes it if there is none, so that this process has it.
func (s *Server) open() error {
	s.cfg.Engine.Log = func(line string) { s.log.Info(line) }
	db, err := engine.Open(s.cfg.DB, s.cfg.Engine)
	if err != nil {
		return err
	}
	s.db = db
	if !s.cfg.Engine.ReadOnly {
		tx, err := db.Begin(true)
		if err != nil {
			db.Close()
			return err
		}
		tx.Rollback()
	}
	s.syncer.start(s)
	s.instance = command.NewInstance(db, command.Settings{
		Version: s.cfg.Version, Path: s.cfg.DB, Port: s.cfg.Port, Socket: s.cfg.UnixSocket,
		RequirePass: s.cfg.Password, MaxClients: s.cfg.MaxClients, MaxRequest: s.cfg.MaxRequest,
		MaxSize: s.cfg.Engine.MaxSize, Timeout: s.cfg.IdleTimeout, Measure: true,
		Sync:     func() command.SyncPolicy { return s.cfg.Sync },
		Shutdown: s.shutdown,
	})
	return nil
}

// handleSignals ends the server at a signal; at a second one nothing is waited for.
func (s *Server) handleSignals() (stop func()) {
	signals := make(chan os.Signal, 2)
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for sig := range signals {
			if s.stopping.Load() {
				os.Exit(128 + int(sig.(syscall.Signal)))
			}
			s.log.Info("stopping", "signal", sig.String())
			s.stop()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-ended
	}
}

// stop makes the server end in good order, from any goroutine.
func (s *Server) stop() {
	if s.stopping.Swap(true) {
		return
	}
	if s.loop == nil { // it waits for the database, and has nothing to lose
		os.Exit(0)
	}
	s.loop.stop()
}

// shutdown is SHUTDOWN. The end is always with a sync: without one it would only lose data.
func (s *Server) shutdown(bool) {
	s.log.Info("stopping", "reason", "SHUTDOWN")
	s.stop()
}

// fail ends the server because the database or the loop has failed. Nothing more is
// acknowledged. It may be called from any goroutine.
func (s *Server) fail(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		s.log.Error("the server has failed and stops", "error", err)
		s.loop.stop()
	}
}

// harden is what stands between commands and their replies: one sync where it is to be
// on stable storage, else one write of the log, which survives the death of the process.
func (s *Server) harden(always bool) error {
	if always || s.cfg.Sync == command.SyncAlways {
		return s.db.Sync()
	}
	s.syncer.soon()
	return s.db.Flush()
}

// close ends what the server has started and makes everything durable.
func (s *Server) close() error {
	notify("STOPPING=1")
	if s.stopFIFO != nil {
		s.stopFIFO()
	}
	s.syncer.stop()
	s.waitBeside(drainTime / 2)
	s.instance.Close()
	err := s.db.Sync()
	s.loop.close()
	if s.localPath != "" {
		os.Remove(s.localPath)
	}
	if e := s.db.Close(); err == nil {
		err = e
	}
	if err == nil {
		s.log.Info("stopped: everything acknowledged is on stable storage")
	}
	return err
}

// waitBeside waits for the commands that run beside the loop, which were interrupted.
// What does not end in time only reads, and ends with the process.
func (s *Server) waitBeside(d time.Duration) {
	done := make(chan struct{})
	go func() { s.beside.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// syncer makes what was acknowledged durable within a second.
type syncer struct {
	db      *engine.DB
	server  *Server
	off     bool
	pending atomic.Bool
	kick    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

// syncEvery is the longest time that an acknowledged write is not on stable storage.
const syncEvery = time.Second

func (y *syncer) start(s *Server) {
	*y = syncer{db: s.db, server: s, off: s.cfg.Sync != command.SyncEnd,
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go y.run()
}

// soon makes the next sync happen within a second.
func (y *syncer) soon() {
	if !y.off && !y.pending.Load() && !y.pending.Swap(true) {
		y.kick <- struct{}{}
	}
}

func (y *syncer) run() {
	defer close(y.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-y.kick:
		case <-y.quit:
			return
		}
		timer.Reset(syncEvery)
		select {
		case <-timer.C:
		case <-y.quit:
			return
		}
		y.pending.Store(false)
		if err := y.db.Sync(); err != nil {
			y.server.fail(fmt.Errorf("syncing: %w", err))
		}
	}
}

func (y *syncer) stop() {
	close(y.quit)
	<-y.done
}
