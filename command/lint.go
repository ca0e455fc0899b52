package command

import "github.com/nubdb/nubdb/wire"

// Check makes all checks of a command that need no database: its name, the
// number of its arguments, their types and the syntax of its options. It answers
// nil or the error that running the command would answer.
func Check(args [][]byte) *wire.Reply {
	if err := lint(args); err != nil {
		r := errorReply(err)
		return &r
	}
	return nil
}

// CheckAtomic is Check, and it refuses the commands that cannot be part of an
// atomic run.
func CheckAtomic(args [][]byte) *wire.Reply {
	if r := Check(args); r != nil || len(args) == 0 {
		return r
	}
	if spec := Find(args); spec.Has(NoAtomic) {
		r := errorReply(notAtomic(spec, args[0]))
		return &r
	}
	return nil
}

// NotInBatch is the error that a command with the flag NoBatch answers where it is refused.
func (c *Spec) NotInBatch() wire.Reply { return errorReply(notInBatch(c)) }

func lint(args [][]byte) error {
	if len(args) == 0 {
		return nil
	}
	spec, err := find(args)
	switch {
	case err != nil:
		return err
	case !spec.Accepts(len(args)):
		return spec.wrongArity(args)
	case spec.check != nil:
		return spec.check(args)
	}
	return checkTypes(spec.Args, args[spec.words():])
}

// checkTypes checks the words of a command whose arguments are all required and
// single by their types; of another command those that come before the first
// argument that is not.
func checkTypes(types []Arg, words [][]byte) error {
	for i := range types {
		if types[i].Optional || types[i].Multiple || i >= len(words) {
			break
		}
		var err error
		switch types[i].Type {
		case Integer, UnixTime:
			_, err = parseInteger(words[i])
		case Double:
			_, err = parseFloat(words[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
