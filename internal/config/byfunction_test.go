package config_test

import (
	"maps"
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestANumberForAllFunctionsAndOthersForSome(t *testing.T) {
	for _, tt := range []struct {
		args string
		all  int
		of   map[string]int
	}{
		{"", 3, nil},
		{"--attempts 5", 5, nil},
		{"--attempts 3,resize=1,mail=5", 3, map[string]int{"resize": 1, "mail": 5}},
		{"--attempts resize=1", 3, map[string]int{"resize": 1}},
		{"--attempts mail=5 --attempts 2", 2, map[string]int{"mail": 5}},
	} {
		var n config.ByFunction
		s := config.NewSet(config.Doc{Name: "sample"})
		s.ByFunction(&n, "attempts", 3, 1, 255, "")
		if err := s.Parse(strings.Fields(tt.args), environment()); err != nil || n.All != tt.all || !maps.Equal(n.Of, tt.of) {
			t.Errorf("%q: %+v, %v", tt.args, n, err)
		}
		if n.For("mail") != max(tt.of["mail"], tt.all) || n.For("none") != tt.all {
			t.Errorf("%q: %d for mail, %d for another", tt.args, n.For("mail"), n.For("none"))
		}
	}
	for value, want := range map[string]string{
		"0":        `"0" is not a whole number in range: write 1 to 255`,
		"":         "is empty: give a value",
		"x":        `"x" is not a whole number: write 1 to 255 for all functions, or x=N for that one`,
		"3,mail":   `"mail" is not a whole number: write 1 to 255 for all functions, or mail=N for that one`,
		"-1":       `"-1" is not a whole number in range: write 1 to 255`,
		"3,":       "empty element in the list: write values separated by single commas",
		",3":       "empty element in the list: write values separated by single commas",
		"b=1,,a=1": "empty element in the list: write values separated by single commas",
		"3,4":      "3 and 4 are both for all functions: write one, and NAME=N for those that have their own",
		"a=256":    `a=: "256" is not a whole number in range: write 1 to 255`,
		"a=":       `a=: "" is not a whole number in range: write 1 to 255`,
		"=3":       `"": not a name: write 1 to 64 letters`,
		"a=1,a=2":  `"a" is in the list twice: name each once`,
		"jobs=1":   "a route of the frontend: write a name other than",
		"3, -a=1":  "not a name: write 1 to 64 letters",
		"3,a=1=2 ": `a=: "1=2" is not a whole number in range: write 1 to 255`,
	} {
		var n config.ByFunction
		s := config.NewSet(config.Doc{Name: "sample"})
		s.ByFunction(&n, "attempts", 3, 1, 255, "")
		if err := s.Parse([]string{"--attempts", value}, environment()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
}
