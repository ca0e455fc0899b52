package command

var stringTable = []Spec{
	{
		Name: "GET", Group: Strings,
		Summary:    "Returns the value of a key",
		Complexity: "O(1)", Since: "1.0.0",
		Arity: 2, Flags: Read, Keys: KeyRange{1, 1, 1},
		Args:    []Arg{{Name: "key", Type: Key}},
		Example: `GET user:1`,
		run:     get,
	},
	{
		Name: "SET", Group: Strings,
		Summary:    "Sets a key to a value, whatever it held before",
		Complexity: "O(1)", Since: "1.0.0",
		Arity: -3, Flags: Write, Keys: KeyRange{1, 1, 1},
		Args: []Arg{
			{Name: "key", Type: Key},
			{Name: "value"},
			{Name: "condition", Type: OneOf, Optional: true, Args: []Arg{
				{Name: "nx", Type: Token, Token: "NX", Since: "2.6.12"},
				{Name: "xx", Type: Token, Token: "XX", Since: "2.6.12"},
				{Name: "comparison-value", Token: "IFEQ", Since: "8.1.0"},
			}},
			{Name: "get", Type: Token, Token: "GET", Optional: true, Since: "6.2.0"},
			{Name: "expiration", Type: OneOf, Optional: true, Args: []Arg{
				{Name: "ttl", Type: Integer, Since: NubDB},
				{Name: "seconds", Type: Integer, Token: "EX", Since: "2.6.12"},
				{Name: "milliseconds", Type: Integer, Token: "PX", Since: "2.6.12"},
				{Name: "unix-time-seconds", Type: UnixTime, Token: "EXAT", Since: "6.2.0"},
				{Name: "unix-time-milliseconds", Type: UnixTime, Token: "PXAT", Since: "6.2.0"},
				{Name: "keepttl", Type: Token, Token: "KEEPTTL", Since: "6.0.0"},
			}},
		},
		Example: `SET session:7 "Alice" EX 3600 NX`,
		Travel:  Translated,
		check:   checkSet, run: set,
	},
}
