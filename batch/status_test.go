package batch

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/nubdb/nubdb/engine"
)

func TestWorse(t *testing.T) {
	order := []int{StatusOK, StatusTest, StatusError, StatusStopped, StatusTimeout, StatusPipe, StatusBusy, StatusFailed, StatusUsage}
	for i, low := range order {
		for _, high := range order[i:] {
			if Worse(low, high) != high || Worse(high, low) != high {
				t.Errorf("Worse of %d and %d is not %d", low, high, high)
			}
		}
	}
}

func TestStatusOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{usageError{fs.ErrNotExist}, StatusUsage},
		{fmt.Errorf("open: %w", engine.ErrBusy), StatusBusy},
		{fmt.Errorf("open: %w", engine.ErrNotOurs), StatusFailed},
		{errors.New("write: no space left on device"), StatusFailed},
	} {
		if got := statusOf(test.err); got != test.want {
			t.Errorf("%v: status %d, want %d", test.err, got, test.want)
		}
	}
}

func TestStatusOfReply(t *testing.T) {
	for _, test := range []struct {
		message string
		want    int
	}{
		{"ERR syntax error", StatusError},
		{"BUSY the database is in use", StatusBusy},
		{"CORRUPT 2 faults", StatusFailed},
		{"", StatusError},
	} {
		if got := statusOfReply([]byte(test.message)); got != test.want {
			t.Errorf("%q: status %d, want %d", test.message, got, test.want)
		}
	}
}
