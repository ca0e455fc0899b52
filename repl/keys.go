package repl

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// How much a completion of keys may cost: a person who waits for it does not notice,
// and neither does anybody else who wants the database.
const (
	maxKeysFound   = 100
	maxKeysVisited = 20_000
	maxKeysTime    = 50 * time.Millisecond
	maxKeyLength   = 256 // bytes; longer ones are not for people to choose from
)

// keys returns some keys that begin with prefix, in order: all of them in a small
// database, those that are found in a bounded time in a large one, none if another process
// has the database for longer. all tells whether there are no others. The shell itself
// must be waiting for a line.
func (d *database) keys(prefix string) (found []string, all bool) {
	deadline := time.Now().Add(maxKeysTime)
	for cursor, visited := uint64(0), 0; visited < maxKeysVisited && time.Now().Before(deadline); {
		next, err := d.scan(cursor, 256, maxKeysTime, func(key []byte) bool {
			visited++
			if len(key) <= maxKeyLength && utf8.Valid(key) && strings.HasPrefix(string(key), prefix) {
				found = append(found, string(key))
			}
			return len(found) < maxKeysFound
		})
		if err != nil || next == 0 {
			all = err == nil && len(found) < maxKeysFound
			break
		}
		cursor = next
	}
	slices.Sort(found)
	return slices.Compact(found), all
}
