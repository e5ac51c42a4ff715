// Command cmd runs the experiments of internal/chaos: `make chaos`, `make
// overload`, `make soak`, `make harm`. It exits with 1 if a promise was broken.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"faasd/internal/chaos"
	"faasd/internal/config"
)

func main() {
	os.Exit(config.Main(config.Program{
		Name: "chaos", Summary: "try a faasd of separate processes",
		Commands: []config.Command{&torment{}, &overload{}, &soak{}, &harm{}},
	}, os.Args[1:], config.OS()))
}

// common is what every experiment's command has besides its own settings.
type common struct {
	setup  chaos.Setup
	seed   int
	asJSON bool
}

func (c *common) declare(s *config.Set) {
	s.String(&c.setup.Bin, "faasd", "", "FILE", "the program to try").DefaultText("the one beside this program, else in PATH")
	s.Int(&c.seed, "seed", 1, 0, math.MaxInt, "what is drawn")
	s.String(&c.setup.Logs, "logs", "", "DIR", "folder for the parts' logs").DefaultText("a new one, removed if all is as promised")
	s.Bool(&c.asJSON, "json", false, "print the report as JSON")
	s.FlagsOnly()
}

// report is what an experiment has found.
type report interface {
	OK() bool   // it ran to its end, and all is as it should be
	Kept() bool // no promise was broken as far as it went
	Write(io.Writer)
}

// run runs an experiment and prints what it has found. Logs that nobody will want to
// read are removed.
func (c *common) run(std config.Stdio, experiment func() (report, error)) (err error) {
	c.setup.Seed = uint64(c.seed)
	c.setup.Progress = func(line string) { fmt.Fprintln(std.Err, line) }
	temporary := c.setup.Logs == ""
	if temporary {
		if c.setup.Logs, err = os.MkdirTemp("", "faasd-chaos-"); err != nil {
			return err
		}
		defer os.Remove(c.setup.Logs) // if nothing is in it
	} else if err := os.MkdirAll(c.setup.Logs, 0o755); err != nil {
		return err
	}
	found, err := experiment()
	interrupted := errors.Is(err, context.Canceled)
	if found == nil {
		if temporary && interrupted {
			err = errors.Join(err, os.RemoveAll(c.setup.Logs))
		}
		return err
	}
	if err := c.print(std.Out, found); err != nil {
		return err
	}
	switch {
	case temporary && (found.OK() || interrupted && found.Kept()):
		return errors.Join(err, os.RemoveAll(c.setup.Logs))
	case err != nil:
		return err
	case !found.OK():
		return errors.New("not all is as promised, see the report; logs in " + c.setup.Logs)
	}
	return nil
}

func (c *common) print(w io.Writer, found report) error {
	if !c.asJSON {
		found.Write(w)
		return nil
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(found)
}

// none is no report if there is nothing to report.
func none[R report](found R, there bool, err error) (report, error) {
	if !there {
		return nil, err
	}
	return found, err
}

type torment struct {
	common
	chaos.Torment
}

func (c *torment) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name: "torment", Summary: "kill, stop and cut off every part under load",
		Description: "One fault after the other, of four kinds: SIGKILL, and a new start after 2 s; SIGSTOP, and SIGCONT after 5 s; a cut of links for 5 s, after which what was stalled flows on, and one after which the connections are reset.",
	})
	s.Duration(&c.Duration, "duration", 3*time.Minute, time.Second, 24*time.Hour, "how long load is sent; 5s and --every have one fault")
	s.Int(&c.Rate, "rate", 1000, 1, 1e6, "requests a second")
	s.Duration(&c.Every, "every", 11500*time.Millisecond, 10*time.Second, time.Hour, "time from one fault to the next")
	c.declare(s)
	return s
}

func (c *torment) Validate() error {
	if least := c.Least(); c.Duration < least {
		return config.Usagef("--duration %s: too short for a fault with --every %s: give at least %s", c.Duration, c.Every, least)
	}
	return nil
}

func (c *torment) Run(ctx context.Context, std config.Stdio) error {
	return c.run(std, func() (report, error) {
		c.Torment.Setup = c.setup
		found, err := c.Torment.Run(ctx)
		return none(found, found != nil, err)
	})
}
