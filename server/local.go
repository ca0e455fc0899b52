package server

import (
	"fmt"
	"path/filepath"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/remote"
)

// listenLocal listens in the database's directory. A socket that is there already is
// stale: only the owner of the database makes one, and that is this process now.
func (s *Server) listenLocal() error {
	if s.cfg.DB == engine.Memory || s.cfg.Engine.ReadOnly {
		return nil
	}
	path := filepath.Join(s.cfg.DB, remote.SocketName)
	short, done, err := remote.ShortPath(path)
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
