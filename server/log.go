package server

import (
	"log/slog"
	"os"
)

// newLog returns a log of lines of text or JSON.
func newLog(w *os.File, json bool) *slog.Logger {
	if json {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
