// Command faasd runs the parts of a Function-as-a-Service: each role by itself,
// or all of them with `faasd up`.
package main

import (
	"os"
	"slices"

	"faasd/internal/config"
	"faasd/internal/function/process"
	"faasd/internal/node"
)

func main() {
	process.Main() // does not return in a worker's guard
	os.Exit(run())
}

func run() int {
	if len(os.Args) > 1 && slices.Contains(lasting, os.Args[1]) {
		node.KeepMonitorAwake()
	}
	return config.Main(program(), os.Args[1:], config.OS())
}

// lasting are the commands that run until they are stopped.
var lasting = []string{"up", "frontend", "broker", "queue", "worker", "coordinator"}

func program() config.Program {
	return config.Program{
		Name:    "faasd",
		Summary: "a Function-as-a-Service that you own: HTTP in, functions run on workers, ZeroMQ in between",
		Commands: []config.Command{
			&up{}, &frontend{}, &broker{}, &queue{}, &worker{}, &coordinator{}, &health{},
		},
		Guide:     guide,
		Libraries: []config.Library{{Name: "libzmq", Version: node.ZeroMQ()}},
	}
}

// guide is what `faasd --help` shows of the commands: each common task once.
var guide = []config.Chapter{
	{Heading: "Begin with everything on this machine", Tasks: []config.Task{
		{Line: "faasd up", Meaning: "start it; it says how to call it, watch it and stop it"},
		{Line: "curl -d hello localhost:3000/echo", Meaning: "call a function"},
		{Line: "faasctl status", Meaning: "see queues and workers; faasctl --help has more"},
	}},
	{Heading: "Change it", Tasks: []config.Task{
		{Line: "faasd up --http :3000 --workers 8", Meaning: "serve other machines too, with more workers"},
		{Line: "faasd up --http :0 --data /tmp/second", Meaning: "a second system beside the first"},
	}},
	{Heading: "Each part as a process, on one machine or several, started in any order", Tasks: []config.Task{
		{Line: "faasd coordinator", Meaning: "tells the parts how the others are"},
		{Line: "faasd broker", Meaning: "answers for jobs, gives them to queues"},
		{Line: "faasd queue --name queueA", Meaning: "holds jobs until a worker is free"},
		{Line: "faasd worker", Meaning: "runs functions; start as many as you like"},
		{Line: "faasd frontend", Meaning: "speaks HTTP on port 3000"},
	}},
	{Heading: "In the shell", Tasks: []config.Task{
		{Line: "source <(faasd completion bash)", Meaning: "complete commands and flags; or zsh, fish"},
	}},
}
