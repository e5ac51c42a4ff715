package proc_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"faasd/internal/config"
	"faasd/internal/proc"
)

// fakeVariable makes the test binary behave as one of the programs below.
const fakeVariable = "PROC_TEST_FAKE"

func itoa(n int) string { return strconv.Itoa(n) }

// fake is the program under the microscope; it returns the exit code.
func fake(behaviour string, args []string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	switch behaviour {
	case "fail":
		fmt.Println("trying")
		fmt.Fprintln(os.Stderr, "no such luck")
		return 7
	case "bad-ready":
		fmt.Println("ready frontend replies=tcp://127.0.0.1:1")
	case "env":
		fmt.Printf("HTTP=%q NAME=%q OTHER=%q\n", os.Getenv("FAASD_HTTP"), os.Getenv("FAASD_NAME"), os.Getenv("OTHER"))
		return 0
	case "find":
		path, err := proc.FindBinary()
		if err != nil {
			path = err.Error()
		}
		fmt.Println(path)
		return 0
	case "silent":
	case "frontend-lines":
		fmt.Println("hello")
		fmt.Println(config.Ready{Role: "frontend", Name: "frontend1", Links: map[string]string{"replies": "tcp://127.0.0.1:8008"}})
		fmt.Println(config.Listening("http://127.0.0.1:3000"))
		<-signals
		fmt.Println("bye")
		return 0
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		sayReady()
	case "fail-at-stop":
		sayReady()
		<-signals
		return 9
	case "counter":
		sayReady()
		for n := 0; ; n++ { // something to stop
			select {
			case <-signals:
				return 0
			default:
			}
		}
	case "parent-of-sleeper":
		sleeper := exec.Command(os.Args[0])
		sleeper.Env = []string{fakeVariable + "=silent"}
		if err := sleeper.Start(); err != nil {
			return 1
		}
		sayReady()
	case "starter":
		return fakeStarter(args)
	case "holder":
		if err := config.WatchLifeline(os.Getenv, func() { os.Exit(1) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		sayReady()
	case "role":
		return fakeRole(args, signals)
	}
	select {}
}

func sayReady() { fmt.Println(config.Ready{Role: "fake", Name: "fake"}) }

// fakeStarter starts processes, as an acceptance test does, prints their ids,
// and never ends by itself. A Go program whose threads come and go must not
// take its children along, so it has some go.
func fakeStarter(behaviours []string) int {
	var pids []string
	for _, b := range behaviours {
		started := make(chan *proc.Process)
		go func() {
			// Ends this goroutine's thread, as it is never unlocked.
			lockThread()
			p, err := proc.Start(context.Background(), proc.Spec{
				Name: b, Bin: os.Args[0], Env: []string{fakeVariable + "=" + b},
			})
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			started <- p
		}()
		p := <-started
		if p == nil {
			return 1
		}
		if b == "holder" || b == "parent-of-holder" {
			if _, err := p.Ready(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		pids = append(pids, itoa(p.Pid()))
	}
	fmt.Println(config.Ready{Role: "starter", Name: "starter", Links: map[string]string{"pids": strings.Join(pids, ",")}})
	select {}
}

// fakeRole binds what a role of faasd binds, says so, and prints its command
// line first.
func fakeRole(args []string, signals <-chan os.Signal) int {
	fmt.Println("args:", strings.Join(args, " "))
	r := config.Ready{Role: args[0], Links: make(map[string]string)}
	url := ""
	links := map[string]string{
		"--publish-bind": "publish", "--subscribe-bind": "subscribe",
		"--frontend-bind": "frontends", "--worker-bind": "workers",
		"--job-bind": "jobs", "--response-bind": "responses", "--reply-bind": "replies",
	}
	for pair := range slices.Chunk(args[1:], 2) {
		flag, value := pair[0], pair[1]
		switch {
		case flag == "--name":
			r.Name = value
		case flag == "--fail":
			fmt.Fprintln(os.Stderr, "told to fail")
			return 1
		case flag == "--http" || links[flag] != "":
			l, err := net.Listen("tcp", strings.TrimPrefix(value, "tcp://"))
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			if flag == "--http" {
				url = "http://" + l.Addr().String()
			} else {
				r.Links[links[flag]] = "tcp://" + l.Addr().String()
			}
		}
	}
	fmt.Println(r)
	if url != "" {
		fmt.Println(config.Listening(url))
	}
	<-signals
	fmt.Fprintln(os.Stderr, "stopped")
	return 0
}
