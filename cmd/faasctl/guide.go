package main

import "faasd/internal/config"

// guide is what `faasctl --help` shows of the commands: each common task once.
var guide = []config.Chapter{
	{Heading: "Begin", Tasks: []config.Task{
		{Line: "faasd up", Meaning: "start a system on this machine, which faasctl then finds"},
		{Line: "faasctl top", Meaning: "watch it live: what waits, what is slow, what is wrong; kill a worker there"},
		{Line: "faasctl status", Meaning: "who is there, what waits, what is wrong, once"},
		{Line: "faasctl events --follow", Meaning: "what happens, as it happens"},
		{Line: "faasctl jobs --state waiting", Meaning: "which jobs wait, the oldest first"},
	}},
	{Heading: "Act", Tasks: []config.Task{
		{Line: "faasctl kill w-2c10", Meaning: "kill a worker as a crash would, by the beginning of its name"},
		{Line: "faasctl drain --wait w-2c10", Meaning: "have it finish what it runs, and leave"},
		{Line: "faasctl scale worker=8", Meaning: "have `faasd up` keep more workers, or fewer"},
	}},
	{Heading: "Deploy a function", Tasks: []config.Task{
		{Line: "faasctl init hello --lang python", Meaning: "write one to start from: go, python, sh or wasm"},
		{Line: "faasctl deploy hello ./hello", Meaning: "deploy a folder, a file or a zip; again for each new version"},
		{Line: "faasctl deploy -f faasd.yaml", Meaning: "deploy all that a file names; it shows its plan"},
		{Line: "faasctl functions", Meaning: "what can be called, who serves it; its versions, rollback, rm"},
		{Line: "faasctl logs hello --follow", Meaning: "what it prints, as it prints it"},
	}},
	{Heading: "Call a function", Tasks: []config.Task{
		{Line: "faasctl invoke echo --body hello", Meaning: "print what it answers, and who served it"},
		{Line: "faasctl invoke echo --body @picture.png", Meaning: "send a file; - or a pipe sends standard input"},
	}},
	{Heading: "See that it keeps its promises", Tasks: []config.Task{
		{Line: "faasctl test", Meaning: "four acceptance tests, each on a system of its own"},
		{Line: "faasctl test 3 --verbose", Meaning: "a worker is killed, its queue's request is answered; with all logs"},
	}},
	{Heading: "Another system than this machine's", Tasks: []config.Task{
		{Line: "faasctl status --data /tmp/second", Meaning: "that of `faasd up --data /tmp/second`"},
		{Line: "faasctl status --coordinator tcp://10.0.0.5:5555", Meaning: "that of a coordinator"},
	}},
	{Heading: "In scripts and in the shell", Tasks: []config.Task{
		{Line: "faasctl status --json", Meaning: "JSON for programs"},
		{Line: "source <(faasctl completion bash)", Meaning: "complete commands, flags and the names of workers; or zsh, fish"},
	}},
}

// codes are with what faasctl exits; docs/OPERATING.md has them too.
var codes = []config.Code{
	{Number: config.ExitOK, Meaning: "done"},
	{Number: config.ExitFailed, Meaning: "failed: refused, not done in time, or not there; of invoke, an answer that is not 2xx"},
	{Number: config.ExitUsage, Meaning: "the command line or the value of a flag cannot be used, or --yes is needed because nobody can be asked"},
	{Number: config.ExitNoCluster, Meaning: "no cluster, or no admin listener, was reached"},
	{Number: config.ExitInterrupted, Meaning: "ended by Ctrl-C before it was done"},
}
