package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// answer is what came of a call, with what the headers say of it.
type answer struct {
	URL         string  `json:"url"`
	Status      int     `json:"status"`
	ContentType string  `json:"content_type"`
	Job         string  `json:"job"`
	Attempt     int     `json:"attempt"` // 0: it was not accepted
	Queue       string  `json:"queue"`   // - for none
	Worker      string  `json:"worker"`  // - for none
	RetryAfter  string  `json:"retry_after,omitempty"`
	Millis      float64 `json:"milliseconds"`
	Text        *string `json:"body,omitempty"` // if the body is UTF-8
	Binary      []byte  `json:"body_base64,omitempty"`

	Log []operator.Line `json:"log,omitempty"` // if it was asked for

	body []byte
	took time.Duration
}

// noWorker is what stands for a worker where there was none.
const noWorker = "-"

func newAnswer(url string, r *http.Response, body []byte, took time.Duration) *answer {
	head := r.Header
	attempt, _ := strconv.Atoi(head.Get("X-Faasd-Attempt")) // 0 if it was not from a frontend
	a := &answer{
		URL: url, Status: r.StatusCode, ContentType: head.Get("Content-Type"), RetryAfter: head.Get("Retry-After"),
		Job: head.Get("X-Faasd-Job"), Attempt: attempt, Queue: head.Get("X-Faasd-Queue"), Worker: head.Get("X-Faasd-Worker"),
		Millis: float64(took.Microseconds()) / 1000, body: body, took: took,
	}
	if utf8.Valid(body) {
		text := string(body)
		a.Text = &text
	} else {
		a.Binary = body
	}
	return a
}

// print writes the body to standard output as it is, unless it only says what
// failure says too, and then who served it to standard error.
func (a *answer) print(std config.Stdio) error {
	if _, refused := a.refusal(); !refused {
		body := a.body
		if n := len(body); n > 0 && body[n-1] != '\n' && isTerminal(std.Out) {
			body = append(body, '\n')
		}
		if _, err := std.Out.Write(body); err != nil {
			return fmt.Errorf("cannot write the answer: %w", err)
		}
	}
	for _, l := range a.Log {
		if err := printLine(std.Err, l, time.Local); err != nil {
			return err
		}
	}
	if a.ok() {
		fmt.Fprintln(std.Err, config.Printable(a.summary()))
	}
	return nil
}

func (a *answer) printJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(a)
}

func (a *answer) ok() bool { return a.Status/100 == 2 }

// failure is the error of an answer that is none of success, nil for one that is.
func (a *answer) failure() error {
	if a.ok() {
		return nil
	}
	detail, refused := a.refusal()
	switch {
	case refused:
	case a.Status == http.StatusInternalServerError:
		detail = "the function failed; its own words are on standard output"
	default:
		detail = "no answer of a faasd frontend; see that --url names one"
	}
	return fmt.Errorf("%s; %s", a.summary(), detail)
}

// summary is status, time, and who served it, as one line.
func (a *answer) summary() string {
	line := fmt.Sprintf("%s in %s", statusLine(a.Status), a.took.Round(10*time.Microsecond))
	if a.Attempt > 0 {
		line += fmt.Sprintf(" by %s on %s, attempt %d", cmp.Or(a.Worker, noWorker), cmp.Or(a.Queue, "-"), a.Attempt)
	}
	if a.Job != "" {
		line += ", job " + a.Job
	}
	return line
}

func statusLine(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return strconv.Itoa(code)
}

// refusal is what a frontend says that has no function's answer (RFC 9457). A
// function's own errors are 500, whatever they look like.
func (a *answer) refusal() (detail string, ok bool) {
	var p struct{ Title, Detail string }
	if a.ContentType != "application/problem+json" || a.ok() || a.Status == http.StatusInternalServerError || json.Unmarshal(a.body, &p) != nil {
		return "", false
	}
	detail = cmp.Or(p.Detail, p.Title)
	return detail, detail != ""
}
