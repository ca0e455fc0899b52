package command

var transactionTable = []Spec{
	{
		Name: "MULTI", Group: Transactions,
		Summary:    "Starts a transaction: the commands up to EXEC are queued",
		Complexity: "O(1)", Since: "1.2.0",
		Arity: 1, Flags: Immediate | NoMulti,
		Example: `MULTI`,
		run:     multi,
	},
	{
		Name: "EXEC", Group: Transactions,
		Summary:    "Runs the queued commands as one, unless a watched key has changed",
		Complexity: "that of the queued commands", Since: "1.2.0",
		Arity: 1, Flags: Immediate | EndsMulti,
		Example: `EXEC`,
		run:     exec,
	},
	{
		Name: "DISCARD", Group: Transactions,
		Summary:    "Drops the queued commands and ends the transaction",
		Complexity: "O(N) in the number of queued commands", Since: "2.0.0",
		Arity: 1, Flags: Immediate,
		Example: `DISCARD`,
		run:     discard,
	},
	{
		Name: "WATCH", Group: Transactions,
		Summary:    "Makes the next EXEC depend on these keys: it runs nothing if one has changed",
		Complexity: "O(1) for each key", Since: "2.2.0",
		Arity: -2, Flags: Read | Immediate | NoMulti, Keys: KeyRange{1, -1, 1},
		Args:    []Arg{{Name: "key", Type: Key, Multiple: true}},
		Example: `WATCH account:1 account:2`,
		run:     watch,
	},
	{
		Name: "UNWATCH", Group: Transactions,
		Summary:    "Forgets the watched keys",
		Complexity: "O(1)", Since: "2.2.0",
		Arity:   1,
		Example: `UNWATCH`,
		run:     unwatch,
	},
}
