package wire

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func double(f float64) Reply      { return Reply{Kind: KindDouble, Float: f} }
func boolean(n int64) Reply       { return Reply{Kind: KindBool, Int: n} }
func big(s string) Reply          { return Reply{Kind: KindBigNumber, Str: []byte(s)} }
func text(s string) Reply         { return Reply{Kind: KindVerbatim, Str: []byte(s)} }
func mapOf(elems ...Reply) Reply  { return Reply{Kind: KindMap, Elems: elems} }
func setOf(elems ...Reply) Reply  { return Reply{Kind: KindSet, Elems: elems} }
func pushOf(elems ...Reply) Reply { return Reply{Kind: KindPush, Elems: elems} }
func bulk(s string) Reply         { return BulkString(s) }

// renderTests show each kind of reply in each format.
var renderTests = []struct {
	name                           string
	reply                          Reply
	plain, json, raw, resp2, resp3 string // json is the object's inside
}{
	{"none", None, "", "", "", "", ""},
	{"status", OK, "OK\n", `"value":"OK"`, "OK;", "+OK\r\n", ""},
	{"integer", Integer(-42), "-42\n", `"value":-42`, "-42;", ":-42\r\n", ""},
	{"largest integer", Integer(math.MaxInt64), "9223372036854775807\n", `"value":9223372036854775807`, "9223372036854775807;", ":9223372036854775807\r\n", ""},
	{"double", double(3.25), "3.25\n", `"value":3.25`, "3.25;", "$4\r\n3.25\r\n", ",3.25\r\n"},
	{"infinity", double(math.Inf(-1)), "-inf\n", `"value":"-inf"`, "-inf;", "$4\r\n-inf\r\n", ",-inf\r\n"},
	{"true", boolean(1), "1\n", `"value":true`, "1;", ":1\r\n", "#t\r\n"},
	{"false", boolean(0), "0\n", `"value":false`, "0;", ":0\r\n", "#f\r\n"},
	{"big number", big("-12345678901234567890123"), "-12345678901234567890123\n", `"value":-12345678901234567890123`, "-12345678901234567890123;", "$24\r\n-12345678901234567890123\r\n", "(-12345678901234567890123\r\n"},
	{"nil", Nil, "(nil)\n", `"value":null`, ";", "$-1\r\n", "_\r\n"},
	{"nil array", NilArray, "(nil)\n", `"value":null`, ";", "*-1\r\n", "_\r\n"},
	{"error", Error("WRONGTYPE no\r\ngood"), "(error) WRONGTYPE no  good\n", `"error":{"code":"WRONGTYPE","message":"no  good"}`, "", "-WRONGTYPE no  good\r\n", ""},
	{"error without a code", Error("no good"), "(error) no good\n", `"error":{"code":"ERR","message":"no good"}`, "", "-no good\r\n", ""},
	{"error that is a code", Error("ERR"), "(error) ERR\n", `"error":{"code":"ERR","message":""}`, "", "-ERR\r\n", ""},
	{"error with odd bytes", Error("ERR \t\x1b[m\xff"), "(error) ERR   [m\ufffd\n", "\"error\":{\"code\":\"ERR\",\"message\":\"\\t\\u001b[m\ufffd\"}", "", "-ERR \t\x1b[m\xff\r\n", ""},
	{"text", text("a\nb"), "\"a\\nb\"\n", `"value":"a\nb"`, "a\nb;", "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},

	{"string", bulk("Alice"), "Alice\n", `"value":"Alice"`, "Alice;", "$5\r\nAlice\r\n", ""},
	{"empty string", bulk(""), "\"\"\n", `"value":""`, ";", "$0\r\n\r\n", ""},
	{"string that looks like nil", bulk("(nil)"), "\"(nil)\"\n", `"value":"(nil)"`, "(nil);", "$5\r\n(nil)\r\n", ""},
	{"string that looks quoted", bulk(`"a"`), `"\"a\""` + "\n", `"value":"\"a\""`, `"a";`, "$3\r\n\"a\"\r\n", ""},
	{"string with quotes and parentheses inside", bulk(`it's "a" (b)\`), `it's "a" (b)\` + "\n", `"value":"it's \"a\" (b)\\"`, `it's "a" (b)\;`, "$13\r\nit's \"a\" (b)\\\r\n", ""},
	{"blank inside", bulk("a b"), "a b\n", `"value":"a b"`, "a b;", "$3\r\na b\r\n", ""},
	{"blank before", bulk(" a"), "\" a\"\n", `"value":" a"`, " a;", "$2\r\n a\r\n", ""},
	{"blank behind", bulk("a "), "\"a \"\n", `"value":"a "`, "a ;", "$2\r\na \r\n", ""},
	{"control characters", bulk("\x00\a\b\t\n\r\x1b\x7f"), `"\x00\a\b\t\n\r\x1b\x7f"` + "\n", `"value":"\u0000\u0007\u0008\t\n\r\u001b\u007f"`, "\x00\a\b\t\n\r\x1b\x7f;", "$8\r\n\x00\a\b\t\n\r\x1b\x7f\r\n", ""},
	{"UTF-8", bulk("é😀\ufffd"), "é😀\ufffd\n", "\"value\":\"é😀\ufffd\"", "é😀\ufffd;", "$9\r\né😀\ufffd\r\n", ""},
	{"not UTF-8", bulk("é\xff"), `"é\xff"` + "\n", `"value":{"base64":"w6n/"}`, "é\xff;", "$3\r\né\xff\r\n", ""},

	{"array", Array(bulk("a b"), Integer(1), Nil, bulk("x\ty")), "a b\t1\t(nil)\t\"x\\ty\"\n", `"value":["a b",1,null,"x\ty"]`, "a b;1;;x\ty;", "*4\r\n$3\r\na b\r\n:1\r\n$-1\r\n$3\r\nx\ty\r\n", "*4\r\n$3\r\na b\r\n:1\r\n_\r\n$3\r\nx\ty\r\n"},
	{"empty array", Array(), "(empty)\n", `"value":[]`, "", "*0\r\n", ""},
	{"nested array", Array(bulk("a)"), Array(bulk("b)"), bulk("c"), Array()), bulk("d")), "a)\t(\"b)\"\tc\t())\td\n", `"value":["a)",["b)","c",[]],"d"]`, "a);b);c;d;", "*3\r\n$2\r\na)\r\n*3\r\n$2\r\nb)\r\n$1\r\nc\r\n*0\r\n$1\r\nd\r\n", ""},
	{"array with an error", Array(Error("ERR a"), Integer(1)), "(error) ERR a\t1\n", `"value":[{"error":{"code":"ERR","message":"a"}},1]`, ";1;", "*2\r\n-ERR a\r\n:1\r\n", ""},
	{"map", mapOf(bulk("k"), Integer(1), bulk("l"), Array()), "k\t1\tl\t()\n", `"value":{"k":1,"l":[]}`, "k;1;l;", "*4\r\n$1\r\nk\r\n:1\r\n$1\r\nl\r\n*0\r\n", "%2\r\n$1\r\nk\r\n:1\r\n$1\r\nl\r\n*0\r\n"},
	{"empty map", mapOf(), "(empty)\n", `"value":{}`, "", "*0\r\n", "%0\r\n"},
	{"map with a key that is not UTF-8", mapOf(bulk("\xff"), Integer(1)), "\"\\xff\"\t1\n", `"value":[[{"base64":"/w=="},1]]`, "\xff;1;", "*2\r\n$1\r\n\xff\r\n:1\r\n", "%1\r\n$1\r\n\xff\r\n:1\r\n"},
	{"map with keys that are not strings", mapOf(bulk("\xff"), Integer(1), Integer(2), Nil), "\"\\xff\"\t1\t2\t(nil)\n", `"value":[[{"base64":"/w=="},1],[2,null]]`, "\xff;1;2;;", "*4\r\n$1\r\n\xff\r\n:1\r\n:2\r\n$-1\r\n", "%2\r\n$1\r\n\xff\r\n:1\r\n:2\r\n_\r\n"},
	{"set", setOf(bulk("a")), "a\n", `"value":["a"]`, "a;", "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"},
	{"push", pushOf(bulk("message"), bulk("c")), "message\tc\n", `"value":["message","c"]`, "message;c;", "*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", ">2\r\n$7\r\nmessage\r\n$1\r\nc\r\n"},
	{"series", Reply{Kind: KindSeries, Elems: []Reply{pushOf(bulk("a")), Integer(1)}}, "(a)\t1\n", `"value":[["a"],1]`, "a;1;", "*1\r\n$1\r\na\r\n:1\r\n", ">1\r\n$1\r\na\r\n:1\r\n"},
}

func TestRenderers(t *testing.T) {
	for _, tt := range renderTests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.json != "" {
				tt.json = "{" + tt.json + "}\n"
			}
			if tt.resp3 == "" {
				tt.resp3 = tt.resp2
			}
			check(t, "plain", AppendPlain(nil, &tt.reply), tt.plain)
			check(t, "JSON", AppendJSON(nil, &tt.reply, "", 0), tt.json)
			check(t, "raw", AppendRaw(nil, &tt.reply, ";"), tt.raw)
			check(t, "RESP2", AppendRESP2(nil, &tt.reply), tt.resp2)
			check(t, "RESP3", AppendRESP3(nil, &tt.reply), tt.resp3)
		})
	}
}

func check(t *testing.T, format string, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("%s: got %q, want %q", format, got, want)
	}
}

func TestAppendLines(t *testing.T) {
	tests := []struct {
		name  string
		reply Reply
		want  string
	}{
		{"scalar", bulk("a\n"), "\"a\\n\"\n"},
		{"nil", Nil, "(nil)\n"},
		{"error", Error("ERR a"), "(error) ERR a\n"},
		{"an element a line", Array(bulk("a"), bulk("b\n"), Nil), "a\n\"b\\n\"\n(nil)\n"},
		{"no element, no line", Array(), ""},
		{"arrays inside are as in plain", Array(bulk("0"), Array(bulk("a"), bulk("b")), Array()), "0\n(a\tb)\n()\n"},
		{"map", mapOf(bulk("k"), Integer(1)), "k\n1\n"},
		{"text is as it is", text("a \"b\"\n\nc"), "a \"b\"\n\nc\n"},
		{"text with an end", text("a\n"), "a\n"},
		{"text of INFO", text("# A\r\nb:\r\r\n\r\n# C\r\n"), "# A\nb:\r\n\n# C\n"},
	}
	for _, tt := range tests {
		check(t, tt.name, AppendLines(nil, &tt.reply), tt.want)
	}
}

func TestAppendJSONPlace(t *testing.T) {
	r, e := Nil, Error("ERR a")
	check(t, "line", AppendJSON(nil, &r, "", 3), `{"line":3,"value":null}`+"\n")
	check(t, "file", AppendJSON(nil, &r, "a\"\xff", 3), "{\"file\":\"a\\\"\ufffd\",\"line\":3,\"value\":null}\n")
	check(t, "error", AppendJSON(nil, &e, "a", 3), `{"file":"a","line":3,"error":{"code":"ERR","message":"a"}}`+"\n")
}

func TestAppendRawEnds(t *testing.T) {
	r := Array(bulk("a\n"), Nil, bulk("b"))
	check(t, "NUL", AppendRaw(nil, &r, "\x00"), "a\n\x00\x00b\x00")
	check(t, "none", AppendRaw(nil, &r, ""), "a\nb")
}

// Renderers append: what dst holds stays.
func TestRenderersAppend(t *testing.T) {
	r := Array(bulk("a"), Error("ERR b"))
	for _, out := range [][]byte{
		AppendPlain([]byte("x"), &r), AppendLines([]byte("x"), &r), AppendJSON([]byte("x"), &r, "f", 1),
		AppendRaw([]byte("x"), &r, ";"), AppendRESP2([]byte("x"), &r), AppendRESP3([]byte("x"), &r),
	} {
		if !strings.HasPrefix(string(out), "x") || len(out) < 4 {
			t.Errorf("got %q", out)
		}
	}
}

// Expected values follow the rules of d2string and fpconv in Valkey 8.1.
func TestAppendDouble(t *testing.T) {
	tests := []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {-0.1, "-0.1"},
		{3.14, "3.14"}, {1.0 / 3, "0.3333333333333333"}, {100, "100"}, {123456789.25, "123456789.25"},
		{1e15, "1000000000000000"}, {1e18, "1000000000000000000"}, {1 << 62, "4611686018427387904"}, {-(1 << 62), "-4611686018427387904"},
		{1 << 63, "9223372036854776000"}, {1234567.5, "1234567.5"}, {1234567.12345678, "1.23456712345678e+6"},
		{1e20, "1e+20"}, {1.5e300, "1.5e+300"}, {math.MaxFloat64, "1.7976931348623157e+308"},
		{0.0001, "0.0001"}, {0.000001, "0.000001"}, {0.000125, "0.000125"}, {0.0000125, "1.25e-5"}, {1e-7, "1e-7"}, {-1.5e-7, "-1.5e-7"}, {1.5e-7, "1.5e-7"}, {5e-324, "5e-324"},
		{math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"},
	}
	for _, tt := range tests {
		check(t, "double", AppendDouble(nil, tt.f), tt.want)
	}
}

func TestAppendQuoted(t *testing.T) {
	tests := []struct{ in, want string }{
		{"abc", "abc"}, {"it's", "it's"}, {`{"a":1}`, `{"a":1}`}, {"é😀", "é😀"}, {"*", "*"}, {"a<<b", "a<<b"}, {`\`, `\`}, {"\uff01", "\uff01"},
		{"", `""`}, {"a b", `"a b"`}, {" ", `" "`}, {"\x00\t\n\x7f\xff", `"\x00\t\n\x7f\xff"`}, {"\u00a0", "\u00a0"},
		{`"a`, `"\"a"`}, {`'a`, `"'a"`}, {"#a", `"#a"`}, {"[1]", `"[1]"`}, {"*1", `"*1"`}, {"<<A", `"<<A"`}, {"\ufeff", "\"\ufeff\""},
		{`a \`, `"a \\"`},
	}
	for _, tt := range tests {
		check(t, "quoted", AppendQuoted(nil, []byte(tt.in)), tt.want)
	}
}

func TestAppendOneLine(t *testing.T) {
	got := AppendOneLine([]byte("x"), []byte("a\r\n\x00\x7f\té\xffb"))
	check(t, "one line", got, "xa     é\ufffdb")
	if !utf8.Valid(got) {
		t.Error("not UTF-8")
	}
}
