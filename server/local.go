package server

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nubdb/nubdb/engine"
)

// socketName is the socket in the database's directory, over which other processes run
// their commands while this one has the database.
const socketName = "sock"

// maxSocketPath is the length of a path that fits the address of a unix socket on all
// systems.
const maxSocketPath = 103

// listenLocal listens in the database's directory. A socket that is there already is
// stale: only the owner of the database makes one, and that is this process now.
func (s *Server) listenLocal() error {
	if s.cfg.DB == engine.Memory || s.cfg.Engine.ReadOnly {
		return nil
	}
	path := filepath.Join(s.cfg.DB, socketName)
	short, done, err := shorten(path)
	if err != nil {
		return err
	}
	defer done()
	if err := s.listenUnix(short, path, true); err != nil {
		return fmt.Errorf("the socket for other processes: %w", err)
	}
	s.localPath = path
	return nil
}

// shorten returns another path to what path names that fits the address of a unix socket:
// through a symbolic link to its directory, which done removes. That works on every Unix,
// and leaves the working directory alone, which all goroutines share.
func shorten(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	temp, err := os.MkdirTemp("", "nubdb")
	if err != nil {
		return "", nil, err
	}
	done = func() { os.RemoveAll(temp) }
	if err := os.Symlink(dir, filepath.Join(temp, "d")); err != nil {
		done()
		return "", nil, err
	}
	return filepath.Join(temp, "d", filepath.Base(path)), done, nil
}
