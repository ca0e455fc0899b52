package server

import (
	"errors"
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
	DB     string         // directory of the database, or ":memory:"
	Engine engine.Options // Log is set by Run
	Sync   command.SyncPolicy
	Stderr *os.File

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
	most      int         // connections that the limit of open files allows
	localPath string      // of the socket in the database's directory
	tls       *terminator // nil without TLS
	metrics   *metrics    // nil without
	syncer    syncer
	stopFIFO  func()         // ends the goroutine of the named pipes and waits for it; nil if there are none
	beside    sync.WaitGroup // commands that run beside the loop
	failure   atomic.Pointer[error]
	opened    atomic.Bool // the database is: before that there is nothing to lose
	stopping  atomic.Bool
}

// Run serves until SIGTERM, SIGINT, SIGHUP or SHUTDOWN, which end it in good order: it
// returns nil when everything acknowledged is on stable storage. Errors: ErrUsage,
// engine.ErrBusy and the others of engine.Open, and those of the system.
func Run(cfg Config) error {
	s, err := newServer(cfg)
	if err != nil {
		return err
	}
	s.log = newLog(s.cfg.Stderr, cfg.LogJSON)
	stop := s.handleSignals()
	defer stop()
	if err := s.open(); err != nil {
		s.loop.close()
		return err
	}
	s.opened.Store(true)
	if err = s.listen(); err == nil {
		s.announce()
	}
	return s.serve(err)
}

// newServer returns a server that has done nothing yet, or ErrUsage.
func newServer(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	var err error
	if s.loop, err = newLoop(s); err == nil && cfg.TLS.Cert != "" {
		s.tls, err = newTerminator(s.loop, cfg.TLS)
	}
	return s, err
}

// serve serves until stop, unless it could not listen, and gives everything back.
func (s *Server) serve(err error) error {
	if err == nil {
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
	s.cfg.Engine.Canceled = s.stopping.Load // so that the end does not wait for a backup
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
		Path: s.cfg.DB, Port: s.cfg.Port, Socket: s.cfg.UnixSocket,
		RequirePass: s.cfg.Password, MaxClients: s.cfg.MaxClients, MaxRequest: s.cfg.MaxRequest,
		MaxSize: s.cfg.Engine.MaxSize, Timeout: s.cfg.IdleTimeout, Measure: true,
		Sync:     func() command.SyncPolicy { return s.cfg.Sync },
		Shutdown: s.shutdown,
	})
	return nil
}

// handleSignals ends the server at a signal; at a second SIGINT nothing is waited for. Others
// come twice without anybody meaning so: timeout(1) sends one to the process and one to its group.
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
		interrupts := 0
		for sig := range signals {
			if sig == syscall.SIGINT {
				interrupts++
			}
			switch {
			case interrupts > 1:
				os.Exit(128 + int(syscall.SIGINT))
			case s.stopping.Load():
				continue
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
	if !s.opened.Load() { // it waits for the database
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
	if s.metrics != nil {
		s.metrics.close()
	}
	if s.tls != nil {
		s.tls.close(drainTime / 4)
	}
	s.syncer.stop()
	// The commands beside the loop were interrupted. What does not end in time only reads,
	// and ends with the process.
	waitAtMost(&s.beside, drainTime/2)
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
