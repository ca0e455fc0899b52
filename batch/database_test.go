package batch

import (
	"testing"
	"time"
)

func TestSooner(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Duration }{
		{-1, -1, -1}, {-1, 0, 0}, {5, -1, 5}, {5, 3, 3}, {3, 5, 3}, {0, 5, 0},
	} {
		if got := sooner(test.a, test.b); got != test.want {
			t.Errorf("sooner(%d, %d) is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
