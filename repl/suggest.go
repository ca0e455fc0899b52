package repl

import (
	"bytes"

	"github.com/nubdb/nubdb/command"
)

// suggest returns the command whose name is nearest to one that does not exist,
// or "" if none is near enough to be what was meant.
func suggest(name []byte) string {
	typed := string(bytes.ToUpper(name))
	slips := 1
	if len(typed) >= 6 {
		slips = 2
	}
	best, nearest := "", slips+1
	for spec := range command.All {
		for _, candidate := range names(spec) {
			if abs(len(candidate)-len(typed)) >= nearest {
				continue
			}
			if d := distance(typed, candidate); d < nearest {
				best, nearest = candidate, d
			}
		}
	}
	return best
}

// names are the name of a command and its aliases.
func names(spec *command.Spec) []string {
	return append([]string{spec.Name}, spec.Aliases...)
}

func abs(n int) int { return max(n, -n) }

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
