package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"faasd/internal/proc"
)

func TestTheScreenOutlivesItsNetwork(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	layout, net := proc.Report(), newCable(t)
	layout.Bin, layout.Detour = binary(t, "faasd"), net
	s, err := proc.StartSystem(ctx, layout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	at := strings.Replace(s.Endpoints("coordinator", "subscribe")[0], "127.0.0.1", coordinatorHost, 1)
	net.foresee()
	p := openPane(t, 80, 24, nil, binary(t, "faasctl"), "top", "--coordinator", at)
	p.shows(`LIVE 1s`, `workers 3 up`, `all is well`)
	net.pull()
	p.shows(`STALE [3-9]s`, `queueC`, `workers 3 up`, `not heard for`)
	p.keys("K")
	p.shows(`nothing can be done while the system is not heard`)
	p.keys("a") // it is still a screen
	p.shows(`worker3 +queue[ABC] +echo`)
	p.shows(`RECONNECTING 1[2-9]s`, `worker3 +queue[ABC] +echo`, `workers 3 up`)
	net.plug()
	p.shows(`LIVE 1s`, `all is well`)
	p.keys("K") // and reaches its system
	p.shows(`KILL 1 worker`)
	p.keys("Tab", "Tab")
	p.shows(`> Kill`)
	p.isDrawnAnew(2)
	p.keys("Enter")
	p.shows(`1 killed`, `workers 2 up`)
	p.keys("q")
	if code := p.ends(); code != "0" {
		t.Errorf("exit code %s", code)
	}
}

func TestTheScreenInsideGNUScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	sockets, err := os.MkdirTemp("", "screen") // of this user alone, and the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	p := openPane(t, 80, 24, []string{"SCREENDIR=" + sockets}, "screen", "-c", "/dev/null", "-U", "-T", "screen-256color",
		binary(t, "faasctl"), "top", "--data", dir)
	p.shows(`LIVE 1s`, `queueC +ok`, `(?m)^══ Queues 3`)
	p.keys("Tab", "K")
	p.shows(`KILL 1 worker`, `> Cancel`)
	p.keys("Escape")
	p.shows(`kill: nothing was done`)
	p.tmux("resize-window", "-x", "100", "-y", "30")
	p.shows(`t tests .*q quit`)
	p.keys("C-a", "d") // and look again later
	p.ends()
	again := openPane(t, 60, 15, []string{"SCREENDIR=" + sockets}, "screen", "-c", "/dev/null", "-U", "-r")
	again.shows(`LIVE 1s`, `queueC +ok`, `q quit`)
	again.keys("q")
	again.ends()
}

// What a shell does to jobs, and kill to processes.
func TestTheTerminalIsGivenBackToWhoStopsTheScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	file := filepath.Join(t.TempDir(), "pid")
	p := openPane(t, 80, 24, []string{"PS1='ready: '", "TERM=xterm-256color"}, "sh", "-i")
	p.shows(`ready:\s*\z`)
	run := fmt.Sprintf("sh -c 'echo $$ > %s; exec %s top --data %s'", file, binary(t, "faasctl"), dir)
	p.keys(run, "Enter")
	p.shows(`LIVE 1s`, `queueC +ok`)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	send := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	sane := func(what string) {
		t.Helper()
		p.shows(`ready:\s*\z`)
		p.keys("clear; stty -a | tr -s ' ;' '\\n' | grep -cxE 'icanon|echo|opost'", "Enter")
		p.shows(`\A3\nready:\s*\z`)
		if p.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}") != "1 0\n" {
			t.Errorf("after %s the cursor is hidden, or the other screen is shown:\n%s", what, p.screen())
		}
	}
	for _, way := range []struct {
		what string
		do   func()
	}{
		{"SIGTSTP", func() { send(syscall.SIGTSTP) }},
		{"Ctrl-Z", func() { p.keys("C-z") }},
	} {
		way.do()
		sane(way.what)
		p.keys("fg", "Enter")
		p.shows(`LIVE 1s`, `queueC +ok`, `q quit`)
	}
	p.keys("t") // it takes keys
	p.shows(`Acceptance tests`)
	send(syscall.SIGQUIT)
	sane("SIGQUIT")
	p.keys("exit", "Enter")
	p.ends()
}

// Where no shell keeps jobs, nothing could let a screen go on that has stopped.
func TestCtrlZWithoutAShellChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	p := openPane(t, 80, 24, nil, binary(t, "faasctl"), "top", "--data", dir)
	p.shows(`LIVE 1s`, `queueC +ok`)
	p.keys("C-z")
	p.keys("f")
	p.shows(`Functions 1`, `LIVE 1s`)
	p.keys("q")
	if code := p.ends(); code != "0" {
		t.Errorf("exit code %s", code)
	}
}
