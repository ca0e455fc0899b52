package command

var bitmapTable = []Spec{
	{
		Name: "BITCOUNT", Group: Bitmaps,
		Summary:    "Counts the bits of a value, or of a part of it, that are 1",
		Complexity: "O(N) in the length of the part", Since: "2.6.0",
		Arity: -2, Flags: Read, Keys: KeyRange{1, 1, 1},
		Args: []Arg{
			{Name: "key", Type: Key},
			{Name: "range", Type: Block, Optional: true, Args: []Arg{
				{Name: "start", Type: Integer},
				{Name: "end-unit-block", Type: Block, Optional: true, Args: []Arg{
					{Name: "end", Type: Integer},
					{Name: "unit", Type: OneOf, Optional: true, Since: "7.0.0", Args: []Arg{
						{Name: "byte", Type: Token, Token: "BYTE"},
						{Name: "bit", Type: Token, Token: "BIT"},
					}},
				}},
			}},
		},
		Example: `BITCOUNT visitors:today`,
		check:   checkBitCount,
		run:     bitCount,
	},
	{
		Name: "BITFIELD", Group: Bitmaps,
		Summary:    "Reads, sets and adds to integers of any width within a value",
		Complexity: "O(N) in the length of the value if one is written, otherwise O(1) for each", Since: "3.2.0",
		Arity: -2, Flags: Write, Keys: KeyRange{1, 1, 1},
		Args: []Arg{
			{Name: "key", Type: Key},
			{Name: "operation", Type: OneOf, Optional: true, Multiple: true, Args: []Arg{
				{Name: "get-block", Token: "GET", Type: Block, Args: []Arg{{Name: "encoding"}, {Name: "offset"}}},
				{Name: "overflow-block", Token: "OVERFLOW", Type: OneOf, Args: []Arg{
					{Name: "wrap", Type: Token, Token: "WRAP"},
					{Name: "sat", Type: Token, Token: "SAT"},
					{Name: "fail", Type: Token, Token: "FAIL"},
				}},
				{Name: "set-block", Token: "SET", Type: Block, Args: []Arg{{Name: "encoding"}, {Name: "offset"}, {Name: "value", Type: Integer}}},
				{Name: "incrby-block", Token: "INCRBY", Type: Block, Args: []Arg{{Name: "encoding"}, {Name: "offset"}, {Name: "increment", Type: Integer}}},
			}},
		},
		Example: `BITFIELD player:7 INCRBY u16 #0 100 GET u16 #1`,
		check:   checkBitField,
		run:     bitFieldCommand,
	},
	{
		Name: "BITFIELD_RO", Group: Bitmaps,
		Summary:    "Reads integers of any width within a value",
		Complexity: "O(1) for each", Since: "6.0.0",
		Arity: -2, Flags: Read, Keys: KeyRange{1, 1, 1},
		Args: []Arg{
			{Name: "key", Type: Key},
			{Name: "get-block", Token: "GET", Type: Block, Optional: true, Multiple: true, Args: []Arg{{Name: "encoding"}, {Name: "offset"}}},
		},
		Example: `BITFIELD_RO player:7 GET u16 #0`,
		check:   checkBitFieldRO,
		run:     bitFieldRO,
	},
	{
		Name: "BITOP", Group: Bitmaps,
		Summary:    "Combines values bit by bit, stores the result and returns its length in bytes",
		Complexity: "O(N) in the length of the values", Since: "2.6.0",
		Arity: -4, Flags: Write, Keys: KeyRange{2, -1, 1},
		Args: []Arg{
			{Name: "operation", Type: OneOf, Args: []Arg{
				{Name: "and", Type: Token, Token: "AND"},
				{Name: "or", Type: Token, Token: "OR"},
				{Name: "xor", Type: Token, Token: "XOR"},
				{Name: "not", Type: Token, Token: "NOT"},
			}},
			{Name: "destkey", Type: Key},
			{Name: "key", Type: Key, Multiple: true},
		},
		Example: `BITOP OR visitors:week visitors:mon visitors:tue`,
		check:   checkBitOp,
		run:     bitOp,
	},
	{
		Name: "BITPOS", Group: Bitmaps,
		Summary:    "Finds the first bit that is 1 or 0 in a value or a part of it; -1 if there is none",
		Complexity: "O(N) in the length of the part", Since: "2.8.7",
		Arity: -3, Flags: Read, Keys: KeyRange{1, 1, 1},
		Args: []Arg{
			{Name: "key", Type: Key},
			{Name: "bit", Type: Integer},
			{Name: "range", Type: Block, Optional: true, Args: []Arg{
				{Name: "start", Type: Integer},
				{Name: "end-unit-block", Type: Block, Optional: true, Args: []Arg{
					{Name: "end", Type: Integer},
					{Name: "unit", Type: OneOf, Optional: true, Since: "7.0.0", Args: []Arg{
						{Name: "byte", Type: Token, Token: "BYTE"},
						{Name: "bit", Type: Token, Token: "BIT"},
					}},
				}},
			}},
		},
		Example: `BITPOS slots 0`,
		check:   checkBitPos,
		run:     bitPos,
	},
	{
		Name: "GETBIT", Group: Bitmaps,
		Summary:    "Returns a bit of a value, 0 behind its end",
		Complexity: "O(1)", Since: "2.2.0",
		Arity: 3, Flags: Read, Keys: KeyRange{1, 1, 1},
		Args:    []Arg{{Name: "key", Type: Key}, {Name: "offset", Type: Integer}},
		Example: `GETBIT visitors:today 4711`,
		check:   checkGetBit,
		run:     getBit,
	},
	{
		Name: "SETBIT", Group: Bitmaps,
		Summary:    "Sets a bit of a value to 0 or 1 and returns what it was",
		Complexity: "O(N) in the length of the value if it changes", Since: "2.2.0",
		Arity: 4, Flags: Write, Keys: KeyRange{1, 1, 1},
		Args:    []Arg{{Name: "key", Type: Key}, {Name: "offset", Type: Integer}, {Name: "value", Type: Integer}},
		Example: `SETBIT visitors:today 4711 1`,
		check:   checkSetBit,
		run:     setBit,
	},
}
