package command

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocument fails when the part of docs/COMMANDS.md that is made from the table
// is not what the table says: after a change of it, run this test with -update. What
// stands before the mark is written by hand.
func TestDocument(t *testing.T) {
	const name, mark = "../docs/COMMANDS.md", "TestDocument -update -->\n"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	written, rest, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatalf("%s has no mark %q", name, mark)
	}
	want := documentTable()
	if *update {
		if err := os.WriteFile(name, []byte(written+mark+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if rest != want {
		t.Errorf("%s is stale: go test ./command -run TestDocument -update", name)
	}
}

// documentTable is all that the table says, as Markdown.
func documentTable() string {
	var b strings.Builder
	for _, group := range Groups {
		fmt.Fprintf(&b, "\n## @%s\n", group)
		for spec := range All {
			if spec.Group != group {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n", strings.Join(append([]string{spec.Name}, spec.Aliases...), ", "))
			if len(spec.Sub) == 0 {
				documentRow(&b, spec)
				continue
			}
			fmt.Fprintf(&b, "%s.\n", spec.Summary)
			for i := range spec.Sub {
				b.WriteByte('\n')
				documentRow(&b, &spec.Sub[i])
			}
		}
	}
	return b.String()
}

func documentRow(b *strings.Builder, spec *Spec) {
	fmt.Fprintf(b, "    %s\n\n%s. Since: %s. Time: %s.", spec.Syntax(), spec.Summary, since(spec.Since), spec.Complexity)
	if remarks := remarks(spec); remarks != "" {
		fmt.Fprintf(b, " %s.", remarks)
	}
	fmt.Fprintf(b, " Example: `%s`\n", spec.Example)
}

// remarks is what the flags mean for a user.
func remarks(spec *Spec) string {
	var all []string
	for _, f := range []struct {
		flag Flag
		text string
	}{
		{NoMulti, "not between `MULTI` and `EXEC`"},
		{NoAtomic, "not with `-1`"},
		{NoBatch, "only over a connection"},
		{LocalOnly, "not over a network"},
	} {
		if spec.Has(f.flag) {
			all = append(all, f.text)
		}
	}
	if len(all) == 0 {
		return ""
	}
	text := strings.Join(all, ", ")
	return strings.ToUpper(text[:1]) + text[1:]
}
