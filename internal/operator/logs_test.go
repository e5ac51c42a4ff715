package operator

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"faasd/internal/wire"
)

// at makes a worker of a queue that has functions.
func at(name string, functions ...string) Worker {
	return Worker{Queue: "queueA", WorkerDetail: wire.WorkerDetail{ID: "id-" + name, Name: name, Kind: "native", State: wire.WorkerUp, Functions: functions}}
}

func printedLines(last uint64, lines ...wire.LogLine) *wire.LogLines {
	return &wire.LogLines{Last: last, Lines: lines}
}

func line(number uint64, job, text string) wire.LogLine {
	return wire.LogLine{Number: number, Job: job, Text: text}
}

func TestWhoIsAskedForLinesAndWhoHasGone(t *testing.T) {
	tail := (*Operator)(nil).Tail(LogFilter{Function: "f"})
	foreign, lost := at("foreign", "f"), at("lost", "f")
	foreign.Kind, lost.State = "mdp", StateLost
	var news LogNews
	tail.look(Picture{Workers: []Worker{at("a", "f"), at("b", "echo", "f"), at("c", "echo"), foreign, lost}}, &news)
	if len(tail.at) != 2 || tail.at["id-a"] == nil || tail.at["id-b"] == nil || news.Gone != nil {
		t.Errorf("asked: %v, gone %v", tail.at, news.Gone)
	}
	moved := at("a") // the function was removed; its lines are there
	moved.Queue = "queueB"
	tail.look(Picture{Workers: []Worker{moved}}, &news)
	if len(tail.at) != 1 || tail.at["id-a"].worker.Queue != "queueB" || !reflect.DeepEqual(news.Gone, []string{"b"}) {
		t.Errorf("asked: %v, gone %v", tail.at, news.Gone)
	}
	tried := (*Operator)(nil).Tail(LogFilter{Function: "broken"})
	tried.look(Picture{Workers: []Worker{at("a", "f"), foreign, lost}, Functions: []Function{{Name: "broken", State: StateFailed}}}, &news)
	if len(tried.at) != 1 || tried.at["id-a"] == nil {
		t.Errorf("asked of one that does not come up: %v", tried.at)
	}
	one := (*Operator)(nil).Tail(LogFilter{Function: "f", Worker: "b"})
	one.look(Picture{Workers: []Worker{at("a", "f"), at("b", "f")}}, &news)
	if len(one.at) != 1 || one.at["id-b"] == nil {
		t.Errorf("asked: %v", one.at)
	}
}

func TestLinesAreToldOnceAndThoseThatWereDroppedAreCounted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		filter LogFilter
		since  uint64
		answer *wire.LogLines
		texts  []string
		lost   int
		next   uint64
	}{
		{"the first", LogFilter{}, 0, printedLines(5, line(4, "", "d"), line(5, "", "e")), []string{"d", "e"}, 0, 5},
		{"what follows", LogFilter{}, 5, printedLines(6, line(6, "", "f")), []string{"f"}, 0, 6},
		{"nothing", LogFilter{}, 6, printedLines(6), nil, 0, 6},
		{"with a gap", LogFilter{}, 6, printedLines(10, line(9, "", "i"), line(10, "", "j")), []string{"i", "j"}, 2, 10},
		{"one that came while it was told", LogFilter{}, 10, printedLines(10, line(11, "", "k")), []string{"k"}, 0, 11},
		{"of a job", LogFilter{Job: "ABC"}, 1, printedLines(20, line(15, "XABC", "x"), line(17, "ABCX", "y")), []string{"x"}, 0, 20},
		{"of a function that was deployed anew", LogFilter{}, 11, printedLines(1), nil, 0, 0},
	} {
		tail := (*Operator)(nil).Tail(tt.filter)
		tail.at["id-a"] = &printer{worker: at("a"), since: tt.since, asking: true}
		var news LogNews
		tail.take(printed{"id-a", tt.answer, nil}, &news)
		var texts []string
		for _, l := range news.Lines {
			texts = append(texts, l.Text)
		}
		if p := tail.at["id-a"]; !reflect.DeepEqual(texts, tt.texts) || news.Lost != tt.lost || p.since != tt.next || p.asking {
			t.Errorf("%s: %q, %d lost, next %d; want %q, %d, %d", tt.name, texts, news.Lost, p.since, tt.texts, tt.lost, tt.next)
		}
	}
	tail := (*Operator)(nil).Tail(LogFilter{})
	tail.at["id-a"] = &printer{worker: at("a"), since: 7, asking: true}
	var news LogNews
	tail.take(printed{"id-a", nil, errors.New("away")}, &news)
	if !reflect.DeepEqual(news.Late, []string{"a"}) || tail.at["id-a"].since != 7 || tail.at["id-a"].asking {
		t.Errorf("of one that does not answer: %+v, %+v", news, tail.at["id-a"])
	}
}

func TestWhereNobodyHasTheFunctionNobodyIsWaitedFor(t *testing.T) {
	c := newCoordinator(t)
	o, err := Open([]string{c.endpoint})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := o.Await(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Tail(LogFilter{Function: "f"}).Next(ctx, time.Hour); !errors.Is(err, ErrNoWorker) {
		t.Errorf("%v, want ErrNoWorker", err)
	}
}
