package tui

import (
	"strings"
	"testing"

	"faasd/internal/operator"
)

func TestAJobThatNobodyKnowsIsSaidToBeUnknown(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("i", "enter")
	s.shows("no broker or queue knows it")
	s.system.job = []operator.JobAt{{Role: "queue", Name: "queueB", Text: "waits", Job: &operator.Job{State: "waiting", Function: "echo", AttemptLimit: 3, AgeMillis: 5}}}
	s.look() // asked again with each picture
	s.shows("queueB  waiting", "attempt 0/3")
}

func TestAJobsAnswerReachesItUnderAnotherView(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("i", "enter")
	v := s.m.view().(*jobView)
	v.asking, v.answers = true, 0
	s.m.open(newWorkers())
	s.update(jobMsg{id: v.id})
	s.press("esc")
	if v.asking || v.answers == 0 {
		t.Error("its answer was dropped; it is never asked for again")
	}
}

func TestARequestIsShownAsFarAsItIsKnown(t *testing.T) {
	long := strings.Repeat("x", 63)
	for _, c := range []struct {
		is   operator.Preview
		want string
	}{
		{operator.Preview{}, "request 0 bytes|"},
		{operator.Preview{Start: []byte(`{"n":1}` + "\n"), Bytes: 8, ContentType: "application/json"}, `request 8 bytes|application/json|{"n":1}\n`},
		{operator.Preview{Start: []byte("\x1b[31m\x00\xff\u202eñ"), Bytes: 12}, `request 12 bytes|\x1b[31m\x00\xff\u202eñ`},
		{operator.Preview{Start: []byte(long + "é")[:64], Bytes: 1000}, "request 1,000 bytes|" + long + "…"}, // half a letter
		{operator.Preview{Start: []byte(long + "é")[:64], Bytes: 64}, "request 64 bytes|" + long + `\xc3`},   // that is all of it
		{operator.Preview{Start: []byte(`a\"b`), Bytes: 4, ContentType: "\x1b"}, `request 4 bytes|�|a\\"b`},
	} {
		if got := strings.Join(request(&c.is), "|"); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.is.Start, got, c.want)
		}
	}
}

// Each part is named once, and says once how the job is.
func TestWhatPartsSayOfAJobIsSaidOnce(t *testing.T) {
	th := &theme{}
	for _, c := range []struct {
		role, name, state, text string
		want                    string
	}{
		{"broker", "broker1", "given", "was given to queueA", "broker1 was given to queueA"},
		{"broker", "north", "given", "was given to queueA", "broker north was given to queueA"},
		{"queue", "queueA", "running", "is at queueA", "queueA running"},
	} {
		a := operator.JobAt{Role: c.role, Name: c.name, Text: c.text, Job: &operator.Job{State: c.state}}
		if got := naming(a.Role, a.Name, th) + " " + state(&a); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
