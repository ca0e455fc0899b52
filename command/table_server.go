package command

var serverTable = []Spec{
	{
		Name: "DBSIZE", Aliases: []string{"SIZE"}, Group: Server,
		Summary:    "Returns the number of keys; one whose time has passed is never counted",
		Complexity: "O(1)", Since: "1.0.0",
		Arity: 1, Flags: Read,
		Example: `SIZE`,
		run:     dbSize,
	},
}
