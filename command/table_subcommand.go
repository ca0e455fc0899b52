package command

// commandTable are the subcommands of COMMAND.
var commandTable = []Spec{
	{
		Name: "COMMAND COUNT", Group: Server,
		Summary:    "Returns the number of commands",
		Complexity: "O(1)", Since: "2.8.13",
		Arity:   2,
		Example: `COMMAND COUNT`,
		run:     commandCount,
	},
	{
		Name: "COMMAND DOCS", Group: Server,
		Summary:    "Documents commands, all if none is named",
		Complexity: "O(N) in the number of commands", Since: "7.0.0",
		Arity:   -2,
		Args:    []Arg{{Name: "command-name", Optional: true, Multiple: true}},
		Example: `COMMAND DOCS set`,
		run:     commandDocs,
	},
	{
		Name: "COMMAND GETKEYS", Group: Server,
		Summary:    "Returns the keys of a command",
		Complexity: "O(N) in the number of words", Since: "2.8.13",
		Arity:   -3,
		Args:    []Arg{{Name: "command"}, {Name: "arg", Optional: true, Multiple: true}},
		Example: `COMMAND GETKEYS mset a 1 b 2`,
		run:     commandGetKeys,
	},
	{
		Name: "COMMAND INFO", Group: Server,
		Summary:    "Returns arity, flags and keys of commands, of all if none is named",
		Complexity: "O(N) in the number of commands", Since: "2.8.13",
		Arity:   -2,
		Args:    []Arg{{Name: "command-name", Optional: true, Multiple: true}},
		Example: `COMMAND INFO get`,
		run:     commandInfo,
	},
	{
		Name: "COMMAND LIST", Group: Server,
		Summary:    "Returns the names of commands",
		Complexity: "O(N) in the number of commands", Since: "7.0.0",
		Arity:   -2,
		Args:    []Arg{{Name: "filterby", Type: OneOf, Token: "FILTERBY", Optional: true, Args: []Arg{{Name: "module-name", Token: "MODULE"}, {Name: "category", Token: "ACLCAT"}, {Name: "pattern", Type: Pattern, Token: "PATTERN"}}}},
		Example: `COMMAND LIST FILTERBY PATTERN *expire*`,
		check:   checkCommandList,
		run:     commandList,
	},
}

// configTable are the subcommands of CONFIG.
var configTable = []Spec{
	{
		Name: "CONFIG GET", Group: Server,
		Summary:    "Returns parameters whose names match patterns, with their values",
		Complexity: "O(N) in the number of parameters", Since: "2.0.0",
		Arity: -3, Flags: Admin,
		Args:    []Arg{{Name: "parameter", Type: Pattern, Multiple: true}},
		Example: `CONFIG GET max*`,
		run:     configGet,
	},
	{
		Name: "CONFIG RESETSTAT", Group: Server,
		Summary:    "Sets the counts of INFO to 0",
		Complexity: "O(1)", Since: "2.0.0",
		Arity: 2, Flags: Admin,
		Example: `CONFIG RESETSTAT`,
		run:     configResetStat,
	},
	{
		Name: "CONFIG REWRITE", Group: Server,
		Summary:    "Is an error: there is no file with parameters",
		Complexity: "O(1)", Since: "2.8.0",
		Arity: 2, Flags: Admin,
		Example: `CONFIG REWRITE`,
		run:     configRewrite,
	},
	{
		Name: "CONFIG SET", Group: Server,
		Summary:    "Sets parameters, all or none, until the server ends",
		Complexity: "O(N) in the number of parameters", Since: "2.0.0",
		Arity: -4, Flags: Admin | NoAtomic,
		Args:    []Arg{{Name: "data", Type: Block, Multiple: true, Args: []Arg{{Name: "parameter"}, {Name: "value"}}}},
		Example: `CONFIG SET slowlog-log-slower-than 1000`,
		check:   checkConfigSet,
		secret:  secretsOfConfigSet,
		run:     configSet,
	},
}

// latencyTable are the subcommands of LATENCY.
var latencyTable = []Spec{
	{
		Name: "LATENCY DOCTOR", Group: Server,
		Summary:    "Tells about slow moments in words",
		Complexity: "O(1)", Since: "2.8.13",
		Arity: 2, Flags: Admin | Text,
		Example: `LATENCY DOCTOR`,
		run:     latencyDoctor,
	},
	{
		Name: "LATENCY HISTORY", Group: Server,
		Summary:    "Returns the slow moments of an event",
		Complexity: "O(1)", Since: "2.8.13",
		Arity: 3, Flags: Admin,
		Args:    []Arg{{Name: "event"}},
		Example: `LATENCY HISTORY command`,
		run:     latencyHistory,
	},
	{
		Name: "LATENCY LATEST", Group: Server,
		Summary:    "Returns the last slow moment of every event, and the worst",
		Complexity: "O(1)", Since: "2.8.13",
		Arity: 2, Flags: Admin,
		Example: `LATENCY LATEST`,
		run:     latencyLatest,
	},
	{
		Name: "LATENCY RESET", Group: Server,
		Summary:    "Forgets the slow moments of events, of all if none is named",
		Complexity: "O(1)", Since: "2.8.13",
		Arity: -2, Flags: Admin,
		Args:    []Arg{{Name: "event", Optional: true, Multiple: true}},
		Example: `LATENCY RESET`,
		run:     latencyReset,
	},
}

// memoryTable are the subcommands of MEMORY.
var memoryTable = []Spec{
	{
		Name: "MEMORY DOCTOR", Group: Server,
		Summary:    "Tells about memory in words",
		Complexity: "O(1)", Since: "4.0.0",
		Arity: 2, Flags: Text,
		Example: `MEMORY DOCTOR`,
		run:     memoryDoctor,
	},
	{
		Name: "MEMORY STATS", Group: Server,
		Summary:    "Returns figures about memory",
		Complexity: "O(1)", Since: "4.0.0",
		Arity: 2, Flags: OutsideTx | NoMulti | NoAtomic,
		Example: `MEMORY STATS`,
		run:     memoryStats,
	},
	{
		Name: "MEMORY USAGE", Group: Server,
		Summary:    "Returns how many bytes a key takes",
		Complexity: "O(1)", Since: "4.0.0",
		Arity: -3, Flags: Read, Keys: KeyRange{2, 2, 1},
		Args:    []Arg{{Name: "key", Type: Key}, {Name: "count", Type: Integer, Token: "SAMPLES", Optional: true}},
		Example: `MEMORY USAGE user:1`,
		check:   checkMemoryUsage,
		run:     memoryUsage,
	},
}

// slowLogTable are the subcommands of SLOWLOG.
var slowLogTable = []Spec{
	{
		Name: "SLOWLOG GET", Group: Server,
		Summary:    "Returns the last commands that took long, 10 or as many as wanted",
		Complexity: "O(N) in the number of entries", Since: "2.2.12",
		Arity: -2, Flags: Admin,
		Args:    []Arg{{Name: "count", Type: Integer, Optional: true}},
		Example: `SLOWLOG GET 5`,
		check:   checkSlowLogGet,
		run:     slowLogGet,
	},
	{
		Name: "SLOWLOG LEN", Group: Server,
		Summary:    "Returns the number of entries",
		Complexity: "O(1)", Since: "2.2.12",
		Arity: 2, Flags: Admin,
		Example: `SLOWLOG LEN`,
		run:     slowLogLen,
	},
	{
		Name: "SLOWLOG RESET", Group: Server,
		Summary:    "Empties the log",
		Complexity: "O(N) in the number of entries", Since: "2.2.12",
		Arity: 2, Flags: Admin,
		Example: `SLOWLOG RESET`,
		run:     slowLogReset,
	},
}
