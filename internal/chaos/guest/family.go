package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lives is how long a process that a guest has started lives at most: it is to
// be killed long before that.
const lives = 30 * time.Second

// child is another guest, in a session of its own.
func child(args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c
}

// fork starts so many crowds of so many threads, and does not answer.
func fork(args []string) error {
	processes, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return serve(func(*call) error {
		for range processes {
			if err := child("crowd", args[1]).Start(); err != nil {
				return err
			}
		}
		select {}
	})
}

// crowd is so many threads that do nothing.
func crowd(args []string) error {
	threads, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range threads {
		go func() {
			runtime.LockOSThread()
			time.Sleep(lives)
		}()
	}
	time.Sleep(lives)
	return nil
}

// abandon starts, at each call, a process that does all to be forgotten: its
// parent is gone, and it is in a session and a folder of its own. It answers
// with the process's id; called as a program it prints that, and stays.
func abandon([]string) error {
	start := func() (string, error) {
		pid, err := child("between").Output()
		return strings.TrimSpace(string(pid)), err
	}
	if os.Getenv(apiVariable) != "" {
		return serve(func(c *call) error {
			pid, err := start()
			if err != nil {
				return err
			}
			return c.answer([]byte(pid))
		})
	}
	pid, err := start()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, pid)
	time.Sleep(lives)
	return nil
}

// between starts an orphan, prints its id, and ends.
func between([]string) error {
	c := child("orphan")
	if err := c.Start(); err != nil {
		return err
	}
	fmt.Println(c.Process.Pid)
	return nil
}

// orphan lives on, where nobody looks for it.
func orphan([]string) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	time.Sleep(lives)
	return nil
}
