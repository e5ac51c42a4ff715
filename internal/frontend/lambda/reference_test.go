package lambda

import (
	"strings"
	"testing"
)

func TestFunctionsAreNamedAsAWSHasIt(t *testing.T) {
	long := strings.Repeat("f", 64)
	for s, want := range map[string][2]string{
		"hello":                                 {"hello", ""},
		"hello:7":                               {"hello", "7"},
		"hello:live":                            {"hello", "live"},
		"hello:$LATEST":                         {"hello", "$LATEST"},
		"Hello_World-2.0":                       {"Hello_World-2.0", ""},
		"function:hello":                        {"hello", ""},
		"function":                              {"function", ""},
		"123456789012:function:hello":           {"hello", ""},
		"123456789012:function:hello:3":         {"hello", "3"},
		"123456789012:hello":                    {"hello", ""},
		"us-west-2:123456789012:function:hello": {"hello", ""},
		"arn:aws:lambda:us-west-2:123456789012:function:hello":           {"hello", ""},
		"arn:aws:lambda:us-west-2:123456789012:function:hello:$LATEST":   {"hello", "$LATEST"},
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:h:12": {"h", "12"},
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:h":           {"h", ""},
		long:        {long, ""},
		long + ":1": {long, "1"},
	} {
		if name, qualifier, ok := parse(s); !ok || name != want[0] || qualifier != want[1] {
			t.Errorf("%q is read as %q, %q, %t, want %q", s, name, qualifier, ok, want)
		}
	}
	for _, s := range []string{
		"", ":", "hello:", ":7", "hello:7:8", "hello:$PENDING", "-hello", "a b", "a/b", "ñ", long + "f",
		"arn:aws:s3:us-west-2:123456789012:function:hello", "arn:aws:lambda:us-west-2:12:function:hello",
	} {
		if name, qualifier, ok := parse(s); ok {
			t.Errorf("%q is read as %q, %q", s, name, qualifier)
		}
	}
}
