// Command guest is a function that behaves as its first argument says: well, or
// badly in one of the ways that functions do. It is deployed to systems that are
// tried. What it starts ends by itself soon, should nobody end it.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

// behaviours are what the first argument may be; the others are the behaviour's.
var behaviours = map[string]func(args []string) error{
	"echo":  func([]string) error { return serve(func(c *call) error { return c.answer(c.body) }) },
	"say":   say,
	"leak":  leak,
	"fork":  fork,
	"crowd": crowd,
	"hang":  func([]string) error { return serve(func(*call) error { select {} }) },
	"spin":  func([]string) error { return serve(spin) },
	"print": printMuch,
	"twice": func([]string) error { return serve(answerTwice()) },
	"exit":  func([]string) error { return serve(func(*call) error { os.Exit(3); return nil }) },
	"late":  func([]string) error { return serve(answerLate) },

	"orphan":   orphan,
	"between":  between,
	"abandon":  abandon,
	"no-start": func([]string) error { return fmt.Errorf("it does not want to") },
}

func run(args []string) error {
	if len(args) == 0 || behaviours[args[0]] == nil {
		var names []string
		for name := range behaviours {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("say how to behave: %s", strings.Join(names, ", "))
	}
	return behaviours[args[0]](args[1:])
}

// say answers with its first argument. A body "await FILE" has it make
// FILE.began and answer once FILE is there. Called as a program it does the same.
func say(args []string) error {
	if os.Getenv(apiVariable) != "" {
		return serve(func(c *call) error {
			if err := await(c.body); err != nil {
				return err
			}
			return c.answer([]byte(args[0]))
		})
	}
	body, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = await(body)
	}
	fmt.Print(args[0])
	return err
}

func await(body []byte) error {
	file, ok := strings.CutPrefix(string(body), "await ")
	if !ok {
		return nil
	}
	if err := os.WriteFile(file+".began", nil, 0o600); err != nil {
		return err
	}
	for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
		time.Sleep(pollEvery)
	}
	return nil
}

const pollEvery = 5 * time.Millisecond

// leak keeps so many bytes more with each call.
func leak(args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var kept [][]byte
	return serve(func(c *call) error {
		kept = append(kept, bytes.Repeat([]byte{1}, size))
		return c.answer(c.body)
	})
}

// spin keeps a processor busy until it is killed.
func spin(*call) error {
	for n := uint64(1); ; n = n*6364136223846793005 + 1 {
		if n == 0 {
			return nil
		}
	}
}

// printMuch writes so many bytes, in lines, to standard output or error, and
// then answers if it was called by the Runtime API.
func printMuch(args []string) error {
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	to := map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr}[args[0]]
	lines := bytes.Repeat([]byte("all work and no play makes Jack a dull boy. all work and no play\n"), 1<<10)
	write := func() error {
		for left := size; left > 0; left -= len(lines) {
			if _, err := to.Write(lines[:min(left, len(lines))]); err != nil {
				return err
			}
		}
		return nil
	}
	if os.Getenv(apiVariable) == "" {
		return write()
	}
	return serve(func(c *call) error {
		if err := write(); err != nil {
			return err
		}
		return c.answer(c.body)
	})
}

// answerTwice answers the call before again, then its own call, then its own call again.
func answerTwice() func(c *call) error {
	before := ""
	return func(c *call) error {
		if before != "" {
			if err := c.refused(before); err != nil {
				return err
			}
		}
		before = c.id
		if err := c.answer(c.body); err != nil {
			return err
		}
		return c.refused(c.id)
	}
}

// refused posts an answer that must not be taken.
func (c *call) refused(id string) error {
	status, err := post(id, "response", []byte("another answer"))
	if err == nil && status/100 != 4 {
		err = fmt.Errorf("a second answer to %s got %d", id, status)
	}
	return err
}

// lateBy is how long after its time a late answer comes.
const lateBy = 300 * time.Millisecond

// answerLate answers, if it lives, when the call's time is over.
func answerLate(c *call) error {
	time.Sleep(time.Until(c.deadline) + lateBy)
	_, err := post(c.id, "response", []byte("a late answer"))
	return err
}
