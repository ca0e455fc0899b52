package command

// is tells whether a word is the given option, which is upper case, in any case
// of its letters.
func is(word []byte, option string) bool {
	if len(word) != len(option) {
		return false
	}
	for i, c := range word {
		if upper(c) != option[i] {
			return false
		}
	}
	return true
}

// upper folds the case of ASCII.
func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

// checkPairs demands that the words after the name come in pairs.
func checkPairs(args [][]byte) error {
	if len(args)%2 == 0 {
		return wrongArity(args[0])
	}
	return nil
}

// atMostOne demands that no more than one word follows the name, where the arity
// of Valkey's table cannot say so.
func atMostOne(args [][]byte) error {
	if len(args) > 2 {
		return wrongArity(args[0])
	}
	return nil
}

// nonNil keeps an empty argument apart from an absent one.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
