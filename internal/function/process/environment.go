package process

import (
	"context"
	"maps"
	"slices"

	"faasd/internal/function"
)

// DefaultPath is where a function's programs are found.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is all that the program of a call has in its environment.
func (c *call) environment(ctx context.Context) []string {
	env := map[string]string{"PATH": DefaultPath, "HOME": c.scratch, "TMPDIR": c.scratch, "TZ": "UTC", "LANG": "C.UTF-8"}
	in := c.in
	in.Function, in.Version = c.Name, c.Version
	maps.Copy(env, function.Environment(ctx, in, c.Env))
	env["FAASD_CODE"] = c.Code
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
