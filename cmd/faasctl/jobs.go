package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type jobs struct {
	target
	json  bool
	queue string
	state string
}

// states are what --state takes.
var states = []string{"any", "waiting", "running"}

func (c *jobs) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "jobs",
		Summary:     "list jobs that wait or run, the oldest first",
		Description: "Each queue tells of the 200 jobs that it has had longest; the last line says if there are more. A job that is on its way to another queue counts as waiting.",
		Examples:    []string{"faasctl jobs", "faasctl jobs --queue queueA --state waiting"},
	})
	s.Name(&c.queue, "queue", "", "only those of this queue").Complete(c.target.queues)
	s.Enum(&c.state, "state", "any", states, "only those in this state")
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *jobs) Validate() error { return nil }

func (c *jobs) Run(ctx context.Context, std config.Stdio) error {
	return c.look(ctx, std, func(picture operator.Picture) error {
		if err := hasQueue(picture, c.queue); err != nil {
			return err
		}
		list := slices.DeleteFunc(picture.Jobs, func(j operator.Job) bool {
			return c.queue != "" && j.Queue != c.queue || c.state != "any" && (c.state == "running") != (j.State == "running")
		})
		if c.json {
			return printJSON(std.Out, list)
		}
		if err := printJobs(std.Out, list); err != nil {
			return err
		}
		all := 0
		for _, q := range picture.Queues {
			if c.queue != "" && q.Name != c.queue || q.State == operator.StateLost {
				continue
			}
			if c.state != "running" {
				all += q.Waiting
			}
			if c.state != "waiting" {
				all += q.Running
			}
		}
		if all <= len(list) {
			return nil
		}
		_, err := fmt.Fprintf(std.Out, "%d of some %d: each queue tells of its 200 oldest\n", len(list), all)
		return err
	})
}

func printJobs(out io.Writer, list []operator.Job) error {
	t := newTable()
	t.row("JOB", "FUNCTION", "STATE", "QUEUE", "WORKER", "ATTEMPT", "HERE FOR", "RUNNING", "TIME LEFT", "BYTES")
	for _, j := range list {
		t.row(j.ID, j.Function, j.State, orDash(j.Queue), orDash(j.Worker), of(j.Attempt, j.AttemptLimit), age(j.AgeMillis), age(j.RunMillis), age(j.LeftMillis), j.Bytes)
	}
	return t.write(out)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type job struct {
	target
	json     bool
	operands []string
	id       string // or its end
}

func (c *job) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "job",
		Summary:     "show where one job is",
		Description: "Asks every broker and queue. Of a job that was answered a queue knows for as long as its result is kept. The id is the X-Faasd-Job of the answer, or its end as far as no other listed job has it.",
		Examples:    []string{"faasctl job 01JQXM7C2N8RZ5V0T4W6Y3HGKE"},
	})
	s.Operands(&c.operands, "ID", 1, 1).Complete(c.target.jobs)
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *job) Validate() (err error) {
	c.id, err = jobID("ID", c.operands[0])
	return err
}

func (c *job) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	remark(std, o)
	id, err := findJob(picture, c.id)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	places, err := o.Job(asking, id)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(places) == 0 && err != nil:
		return err
	case len(places) == 0:
		return fmt.Errorf("no broker and no queue knows job %s; it was answered and forgotten, or never was", id)
	case err != nil:
		fmt.Fprintf(std.Err, "faasctl job: not everybody has answered: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if c.json {
		return printJSON(std.Out, places)
	}
	t := newTable()
	t.row("AT", "WHAT", "STATE", "WORKER", "ATTEMPT", "MOVES", "HERE FOR", "RUNNING", "TIME LEFT")
	for _, p := range places {
		j := p.Job
		t.row(p.Role+" "+p.Name, p.Text, j.State, orDash(j.Worker), of(j.Attempt, j.AttemptLimit), j.Moves, age(j.AgeMillis), age(j.RunMillis), age(j.LeftMillis))
	}
	return t.write(std.Out)
}

// idLength is the length of a whole job id.
const idLength = 26

// jobID reads the id of a job, or the end of one.
func jobID(source, text string) (string, error) {
	id := strings.ToUpper(strings.TrimPrefix(text, "…"))
	if strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" || len(id) > idLength {
		return "", &config.ValueError{Source: source, Value: text, Err: fmt.Errorf("not the id of a job: write its %d letters and digits, or the last of them", idLength)}
	}
	return id, nil
}

// findJob takes a whole job id as it is, and looks for the only listed job that
// ends with a shorter one.
func findJob(p operator.Picture, id string) (string, error) {
	if len(id) == idLength {
		return id, nil
	}
	var found []string
	for _, j := range p.Jobs {
		if id != "" && strings.HasSuffix(j.ID, id) && !slices.Contains(found, j.ID) {
			found = append(found, j.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no listed job ends with %q; write all %d letters and digits of its id", id, idLength)
	case 1:
		return found[0], nil
	}
	return "", errors.New("ambiguous: " + strings.Join(found, ", "))
}
