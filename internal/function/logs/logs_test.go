package logs

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

func texts(lines []Line) (list []string) {
	for _, l := range lines {
		list = append(list, l.Text)
	}
	return list
}

func TestTheNewestLinesAreKept(t *testing.T) {
	var r Ring
	const lines = 20000
	for i := range lines {
		r.Add(Stdout, "job", fmt.Sprintf("line %d", i))
	}
	kept := r.Since(0, "", 10*RingSize)
	size := 0
	for i, l := range kept {
		if want := fmt.Sprintf("line %d", lines-len(kept)+i); l.Text != want || l.Number != uint64(lines-len(kept)+i+1) {
			t.Fatalf("line %d of %d is %d, %q, want %q", i, len(kept), l.Number, l.Text, want)
		}
		size += len(l.Text) + perLine
	}
	if size > RingSize || size < RingSize-2*perLine {
		t.Errorf("%d bytes are kept, of %d", size, RingSize)
	}
	if c := cap(r.lines); c > 4*len(kept) {
		t.Errorf("there is room for %d lines, for %d", c, len(kept))
	}
}

func TestOneLineIsKeptHoweverLarge(t *testing.T) {
	var r Ring
	for range 3 {
		r.Add(Stdout, "", strings.Repeat("x", 2*RingSize))
	}
	if n := len(r.Since(0, "", 10*RingSize)); n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestLinesAreFoundByNumberJobAndSize(t *testing.T) {
	var r Ring
	for i := range 6 {
		r.Add(Stderr, fmt.Sprintf("job%d", i%2), fmt.Sprint(i))
	}
	for _, c := range []struct {
		number uint64
		job    string
		most   int
		want   string
	}{
		{0, "", RingSize, "[0 1 2 3 4 5]"},
		{4, "", RingSize, "[4 5]"},
		{6, "", RingSize, "[]"},
		{0, "job1", RingSize, "[1 3 5]"},
		{2, "job0", RingSize, "[2 4]"},
		{0, "", 2 * (perLine + 1), "[4 5]"},
		{0, "other", RingSize, "[]"},
	} {
		if got := fmt.Sprint(texts(r.Since(c.number, c.job, c.most))); got != c.want {
			t.Errorf("behind %d of %q, %d bytes: %s, want %s", c.number, c.job, c.most, got, c.want)
		}
	}
}

func TestTheTailIsOfOneJob(t *testing.T) {
	var r Ring
	r.Add(Stdout, "a", "first")
	r.Add(Stdout, "b", "other")
	r.Add(Stderr, "a", "second")
	for most, want := range map[int]string{100: "first\nsecond\n", 9: "t\nsecond\n", 7: "second\n", 3: "nd\n", 0: ""} {
		if got := string(r.Tail("a", most)); got != want {
			t.Errorf("%d bytes: %q, want %q", most, got, want)
		}
	}
}

// However output is cut into writes, the lines are the same.
func TestOutputIsSplitIntoLines(t *testing.T) {
	long := strings.Repeat("é", MaxLine) // twice as many bytes
	text := "one\r\n\ntwo\n" + long + "\nbad \xff\nrest"
	for _, size := range []int{1, 2, 7, MaxLine, len(text)} {
		var r Ring
		job := "first"
		w := r.Writer(Stdout, func() string { return job })
		for chunk := range slices.Chunk([]byte(text), size) {
			if n, err := w.Write(chunk); n != len(chunk) || err != nil {
				t.Fatal(n, err)
			}
		}
		job = "second"
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		lines := r.Since(0, "", RingSize)
		got := texts(lines)
		if len(got) < 6 || strings.Join(got[:3], "|") != "one||two" ||
			strings.Join(got[3:len(got)-2], "") != long || got[len(got)-2] != "bad \uFFFD" || got[len(got)-1] != "rest" {
			t.Errorf("in chunks of %d: %.40q", size, got)
		}
		if lines[0].Job != "first" || lines[len(lines)-1].Job != "second" || lines[0].Stream != Stdout {
			t.Errorf("the first and last are %+v, %+v", lines[0], lines[len(lines)-1])
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add([]byte("a\nb"), 1)
	f.Add([]byte(strings.Repeat("\xf0\x9f\x98\x80", 5000)), 4096)
	f.Fuzz(func(t *testing.T, output []byte, size int) {
		var r Ring
		w := r.Writer(Stdout, func() string { return "" })
		for chunk := range slices.Chunk(output, max(1, size)) {
			_, _ = w.Write(chunk)
		}
		_ = w.Close()
		for _, l := range r.Since(0, "", 10*RingSize) {
			if !utf8.ValidString(l.Text) || strings.Contains(l.Text, "\n") || len(l.Text) > 3*MaxLine {
				t.Errorf("line %.100q", l.Text)
			}
		}
	})
}

// What is printed without end is thrown away, which is said, and lines are kept
// again when there is less.
func TestTooMuchIsThrownAwayAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		w := r.Writer(Stderr, func() string { return "job" })
		chunk := []byte(strings.Repeat("yes\n", 8<<10))
		const chunks = 1000
		for range chunks {
			_, _ = w.Write(chunk)
		}
		before := r.Since(0, "", RingSize)
		passed := before[len(before)-1].Number
		if most := uint64(Burst/(perLine+len("yes")) + 1); passed > most {
			t.Errorf("%d lines were passed on at once, at most %d may be", passed, most)
		}
		_, _ = io.WriteString(w, "still too soon\n")
		time.Sleep(time.Second)
		_, _ = io.WriteString(w, "late\n")
		after := texts(r.Since(passed, "job", RingSize))
		skipped := chunks*len(chunk) - int(passed)*len("yes\n") + len("still too soon\n")
		want := fmt.Sprintf("[%d bytes of stderr are not kept: more than 1024 KiB a second were printed late]", skipped)
		if fmt.Sprint(after) != want {
			t.Errorf("then came %q, want %s", after, want)
		}
	})
}

func TestWhatWasThrownAwayLastIsSaidAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		w := r.Writer(Stderr, func() string { return "" })
		_, _ = w.Write(make([]byte, Burst))
		_, _ = w.Write(make([]byte, 3*Burst))
		_ = w.Close()
		lines := r.Since(0, "", RingSize)
		if last := lines[len(lines)-1]; last.Stream != System || !strings.Contains(last.Text, "are not kept") {
			t.Errorf("the last line is %+v", last)
		}
	})
}

// A full ring costs the same for each line as an empty one.
func BenchmarkAdd(b *testing.B) {
	for _, length := range []int{1, 100, MaxLine} {
		b.Run(fmt.Sprintf("%dB", length), func(b *testing.B) {
			var r Ring
			text := strings.Repeat("x", length)
			for range RingSize / perLine {
				r.Add(Stdout, "", text)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Add(Stdout, "", text)
			}
		})
	}
}

// A gigabyte of short lines, and of none.
func BenchmarkWriter(b *testing.B) {
	for name, chunk := range map[string]string{"lines": strings.Repeat("y\n", 16<<10), "zeros": strings.Repeat("\x00", 32<<10)} {
		b.Run(name, func(b *testing.B) {
			var r Ring
			w := r.Writer(Stdout, func() string { return "" })
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				_, _ = io.WriteString(w, chunk)
			}
		})
	}
}
