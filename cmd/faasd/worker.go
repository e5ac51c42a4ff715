package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/node"
)

type worker struct {
	common
	node.Worker
}

func (c *worker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "worker",
		Summary:     "run functions",
		Description: "Asks a broker which queue to join, joins it and runs the jobs it is given; finds another queue when its own is lost.",
		Examples:    []string{"faasd worker", "faasd worker --slots 32 --broker tcp://10.0.0.5:8558,tcp://10.0.0.6:8558"},
	})
	s.Name(&c.Name, "name", "", "name of this part, shown everywhere").DefaultText("made up")
	slots(s, &c.Slots, "slots")
	s.Group("Links")
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8558"}, "where brokers tell workers which queue to join")
	s.Group("Functions")
	s.Strings(&c.Deployed.Only, "functions", nil, "NAME[,…]", "run these functions alone, built in or deployed").DefaultText("all")
	s.Strings(&c.Deployed.Labels, "label", nil, "NAME[,…]", "what this worker has, such as gpu: functions that ask for a label run only where it is").DefaultText("none")
	s.String(&c.Deployed.Work, "work", "", "DIR", "folder for packages and for what functions write; workers may share it").DefaultText("work in the data folder of faasd up")
	idle(s, &c.Deployed.Idle)
	s.Group("Limits")
	maxBody(s, &c.MaxBody, "largest body of a result")
	c.declare(s, "info")
	return s
}

func (c *worker) Validate() error {
	for _, names := range []struct {
		flag   string
		values []string
	}{{"--functions", c.Deployed.Only}, {"--label", c.Deployed.Labels}} {
		for _, name := range names.values {
			if err := config.ValidName(name); err != nil {
				return config.Usagef("%s %s: %v", names.flag, name, err)
			}
		}
	}
	if c.Deployed.Work == "" {
		dir, err := config.DataDir(os.Getenv)
		if err != nil {
			return config.Usagef("--work is needed: %v", err)
		}
		c.Deployed.Work = filepath.Join(dir, "work")
	}
	return nil
}

func (c *worker) Run(ctx context.Context, std config.Stdio) error {
	c.Functions = make(map[string]function.Function)
	if len(c.Deployed.Only) == 0 || slices.Contains(c.Deployed.Only, function.EchoName) {
		c.Functions[function.EchoName] = function.Echo{}
	}
	return node.Run(ctx, c.Worker, c.process(std))
}
