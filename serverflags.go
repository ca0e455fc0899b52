package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nubdb/nubdb/batch"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/server"
)

// defaultPort is the port of --server, that of Redis.
const defaultPort = 6379

// serverFlags are the flags that only servers look at.
type serverFlags struct {
	config       server.Config
	passwordFile string

	flags *pflag.FlagSet
}

var logFormats = []word[bool]{{"text", false}, {"json", true}}

// define makes the flags.
func (s *serverFlags) define() *pflag.FlagSet {
	f := pflag.NewFlagSet("server", pflag.ContinueOnError)
	f.SortFlags = false
	s.flags = f
	c := &s.config
	f.StringArrayVar(&c.Bind, "bind", nil, "listen on `ADDR` (repeatable; default 127.0.0.1 and ::1)")
	f.StringVar(&c.UnixSocket, "unixsocket", "", "listen on a unix socket at `PATH` as well")
	f.StringVar(&s.passwordFile, "requirepass-file", "", "clients need the password in `FILE` (or $NUBDB_REQUIREPASS)")
	f.StringVar(&c.TLS.Cert, "tls-cert", "", "speak TLS 1.3 on the port, with the certificates in `FILE`")
	f.StringVar(&c.TLS.Key, "tls-key", "", "private key of --tls-cert in `FILE`")
	f.StringVar(&c.TLS.CA, "tls-ca", "", "clients need certificates signed by those in `FILE`")
	c.MaxRequest = 64 << 20
	f.Var(&sizeFlag{&c.MaxRequest}, "max-request", "longest command of a client in bytes, a `SIZE` (default 64M)")
	f.IntVar(&c.MaxClients, "maxclients", 10_000, "most `CLIENTS` at the same time")
	f.Var(&durationFlag{&c.IdleTimeout}, "idle-timeout", "drop clients that send nothing for `DUR` (default never)")
	c.WriteTimeout = time.Minute
	f.Var(&durationFlag{&c.WriteTimeout}, "write-timeout", "drop clients that read nothing of their replies for `DUR` (default 1m)")
	f.StringVar(&c.Metrics, "metrics", "", "serve figures for Prometheus on `ADDR`, such as 127.0.0.1:9121")
	f.Var(choice(&c.LogJSON, logFormats), "log-format", "format of the log on stderr (default text)")
	return f
}

// serving tells whether this is to be a server.
func (o *options) serving() bool { return o.mode() != nil && o.mode().serves }

// given is a flag of the command line that means nothing to others than servers, "" for
// none.
func (s *serverFlags) given() (name string) {
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			name = f.Name
		}
	})
	return name
}

// serve runs the server.
func (o *options) serve() int {
	cfg, err := o.serverConfig()
	if err == nil {
		err = server.Run(cfg)
	}
	switch {
	case err == nil:
		return batch.StatusOK
	case errors.Is(err, server.ErrUsage):
		return usageError(err)
	}
	fmt.Fprintf(os.Stderr, "nubdb: %v\n", err)
	if errors.Is(err, engine.ErrBusy) {
		return batch.StatusBusy
	}
	return batch.StatusFailed
}

// serverConfig is what the command line means to the server.
func (o *options) serverConfig() (server.Config, error) {
	cfg := o.server.config
	cfg.DB, cfg.Engine, cfg.Sync, cfg.Stderr = o.DB, o.Engine, o.Sync, o.Stderr
	if err := o.operands(&cfg); err != nil {
		return cfg, err
	}
	if cfg.MaxClients < 1 {
		return cfg, fmt.Errorf("%w: --maxclients must be at least 1", server.ErrUsage)
	}
	cfg.Password = os.Getenv("NUBDB_REQUIREPASS")
	if path := o.server.passwordFile; path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return cfg, fmt.Errorf("%w: %w", server.ErrUsage, err)
		}
		cfg.Password = string(bytes.TrimRight(text, "\r\n"))
		if cfg.Password == "" {
			return cfg, fmt.Errorf("%w: %s holds no password", server.ErrUsage, path)
		}
	}
	return cfg, nil
}

// operands takes the words of the command line: --server [PORT], --fifo IN OUT, or both, in
// any order.
func (o *options) operands(cfg *server.Config) error {
	words := o.words
	cfg.TCP, cfg.Port = o.given("server"), defaultPort
	if o.given("fifo") {
		if cfg.TCP && len(words) == 3 && isNumber(words[0]) {
			words = []string{words[1], words[2], words[0]}
		}
		portOnly := cfg.TCP && len(words) == 2 && isNumber(words[0]) // a port, and one pipe
		if len(words) < 2 || len(words) > 2 && !cfg.TCP || portOnly {
			return fmt.Errorf("%w: --fifo takes two pipes, IN and OUT, not %q", server.ErrUsage, words)
		}
		cfg.In, cfg.Out, words = words[0], words[1], words[2:]
	}
	if len(words) == 0 {
		return nil
	}
	port, err := strconv.ParseUint(words[0], 10, 16)
	if err != nil || len(words) > 1 {
		return fmt.Errorf("%w: --server takes a port, not %s", server.ErrUsage, strings.Join(words, " "))
	}
	cfg.Port = int(port)
	return nil
}

func isNumber(word string) bool {
	_, err := strconv.ParseUint(word, 10, 64)
	return err == nil
}
