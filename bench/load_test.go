package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

func TestBodiesAreJSONOfTheirSizeAndDifferEverywhere(t *testing.T) {
	if got := sameBody(len(echoBody)); string(got) != echoBody {
		t.Errorf("got %s", got)
	}
	for _, n := range []int{24, 31, 1 << 10, 64 << 10, 1 << 20} {
		if got := sameBody(n); len(got) != n || !json.Valid(got) {
			t.Errorf("of %d bytes there are %d: %.40s", n, len(got), got)
		}
	}
	a, b := numberedBody(1001, 1<<10), numberedBody(1002, 1<<10)
	if len(a) != len(b) || bytes.Equal(a[512:], b[512:]) || bytes.Equal(a[512:768], a[768:]) {
		t.Errorf("they are alike:\n%s\n%s", a, b)
	}
	if got := numberedBody(1234, 24); string(got) != `{"hola":"mundo","n":1234}` {
		t.Errorf("a number that leaves no room gives %s", got)
	}
}

func TestSizesAreReadAsTheyAreWritten(t *testing.T) {
	for n, text := range map[int]string{24: "24 B", 1 << 10: "1 KiB", 1000: "1000 B", 64 << 10: "64 KiB", 3 << 20: "3 MiB"} {
		if got := size(n); got != text {
			t.Errorf("%d is written %s", n, got)
		}
		if got, err := parseSize(text); err != nil || got != n {
			t.Errorf("%s is read %d, %v", text, got, err)
		}
	}
}

func TestLargeBodiesAreMeasuredAtOneNumberOfClients(t *testing.T) {
	want := []load{{1, 24}, {128, 24}, {32, 1024}, {32, 4096}}
	if got := loads([]int{1, 128}, []int{24, 1024, 4096}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestMemoryIsThatOfTheProcesses(t *testing.T) {
	self := os.Getpid()
	one, err := memory(self)
	if err != nil || one < 1<<20 {
		t.Fatalf("got %d, %v", one, err)
	}
	held := bytes.Repeat([]byte{1}, 32<<20)
	two, err := memory(self)
	if err != nil || two-one < 16<<20 {
		t.Errorf("got %d after %d with %d bytes more, %v", two, one, len(held), err)
	}
	if n, err := memory(1<<22 + 1); err != nil || n != 0 { // no process can have that id
		t.Errorf("a process that is not there has %d bytes, %v", n, err)
	}
	if n, err := parsePSS([]byte("00400000-7ff [rollup]\nRss:  9 kB\nPss:                1234 kB\nPss_Dirty: 5 kB\n")); err != nil || n != 1234 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := parsePSS([]byte("Rss: 9 kB\n")); err == nil {
		t.Error("nothing is taken for memory")
	}
}
