package registry

import (
	"maps"
	"strings"
	"testing"
)

func outer(name string) (string, bool) {
	v, ok := map[string]string{"OUTER": "from outside"}[name]
	return v, ok
}

func TestAFileOfVariablesIsReadAsDockerDoes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want map[string]string
	}{
		{"", nil},
		{"A=1\nB=2", map[string]string{"A": "1", "B": "2"}},
		{"A=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}},
		{"\ufeffA=1", map[string]string{"A": "1"}},
		{"# a comment\n\n  # one more\n \t A=1", map[string]string{"A": "1"}},
		{"A=", map[string]string{"A": ""}},
		{"A=b=c # d ", map[string]string{"A": "b=c # d "}},
		{"A= b", map[string]string{"A": " b"}},
		{"A=1\nA=2", map[string]string{"A": "2"}},
		{"OUTER", map[string]string{"OUTER": "from outside"}},
		{"OUTER=", map[string]string{"OUTER": ""}},
		{`A=it's`, map[string]string{"A": "it's"}},
		// The two that docker run does not do.
		{`A='b "c" \n $D' `, map[string]string{"A": `b "c" \n $D`}},
		{`A="b\n\t\"c\" \\ \$D \x"`, map[string]string{"A": "b\n\t\"c\" \\ $D \\x"}},
		{`A=""`, map[string]string{"A": ""}},
	} {
		got, err := ParseEnvFile(".env", []byte(tt.text), outer)
		if err != nil || !maps.Equal(got, tt.want) {
			t.Errorf("%q: %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestWhatIsWrongInAFileOfVariablesIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\n=2":    ".env:2: ",
		"A B=1":      `.env:1: variable "A B"`,
		"export A=1": ".env:1: export is for shells",
		"\n\nGONE":   ".env:3: variable GONE has no value",
		`A="b`:       ".env:1: variable A: the closing \"",
		`A="b\"`:     "closing",
		`A='b' c`:    "closing",
		`A='b'c'`:    "something follows",
		"A=\xff":     "UTF-8",
		"LAMBDA_X=1": "LAMBDA_",
		"_HANDLER=a": "_HANDLER",
	} {
		if _, err := ParseEnvFile(".env", []byte(text), outer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseEnvFile(f *testing.F) {
	f.Add([]byte("A=1\n#x\nB='y'\nOUTER\nC=\"a\\n\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := ParseEnvFile(".env", text, outer)
		if err != nil {
			return
		}
		for name := range env {
			if validVariable(name) != nil {
				t.Errorf("%q gives %q", text, name)
			}
		}
	})
}
