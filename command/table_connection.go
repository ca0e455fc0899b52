package command

var connectionTable = []Spec{
	{
		Name: "PING", Group: Connection,
		Summary:    "Answers PONG, or the message",
		Complexity: "O(1)", Since: "1.0.0",
		Arity:   -1,
		Args:    []Arg{{Name: "message", Optional: true}},
		Example: `PING`,
		check:   atMostOne,
		run:     ping,
	},
	{
		Name: "ECHO", Group: Connection,
		Summary:    "Answers the message",
		Complexity: "O(1)", Since: "1.0.0",
		Arity:   2,
		Args:    []Arg{{Name: "message"}},
		Example: `ECHO "step 2"`,
		run:     echo,
	},
	{
		Name: "SELECT", Group: Connection,
		Summary:    "Chooses the database: there is one, number 0",
		Complexity: "O(1)", Since: "1.0.0",
		Arity:   2,
		Args:    []Arg{{Name: "index", Type: Integer}},
		Example: `SELECT 0`,
		check:   checkSelect,
		run:     selectDatabase,
	},
	{
		Name: "QUIT", Aliases: []string{"EXIT"}, Group: Connection,
		Summary:    "Ends the session",
		Complexity: "O(1)", Since: "1.0.0",
		Arity: -1, Flags: Immediate,
		Example: `QUIT`,
		Travel:  Local,
		run:     quit,
	},
}
