package lambda

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	// defaultRegion is what AWS_REGION says unless the function's own environment has it.
	defaultRegion = "us-east-1"
	// account stands where AWS has an account's number.
	account = "000000000000"
)

// region is the one that the function is told it runs in.
func (c *Config) region() string {
	if r := c.Env["AWS_REGION"]; r != "" {
		return r
	}
	return defaultRegion
}

// arn is the name by which the function is told it was invoked.
func (c *Config) arn() string {
	return "arn:aws:lambda:" + c.region() + ":" + account + ":function:" + c.Name + ":" + c.version()
}

func (c *Config) version() string { return strconv.FormatUint(uint64(c.Version), 10) }

// environ is all that a process gets of an environment: what AWS documents for
// the provided runtimes and what the function's owner configured, and nothing
// of the worker's own. api is the address of its Runtime API, scratch the
// folder that it may write to.
func (c *Config) environ(api, scratch string) []string {
	env := map[string]string{
		"PATH":            "/usr/local/bin:/usr/bin:/bin",
		"LANG":            "C.UTF-8",
		"TZ":              ":UTC",
		"LD_LIBRARY_PATH": c.Code + ":" + filepath.Join(c.Code, "lib"),
		"AWS_REGION":      defaultRegion,
	}
	maps.Copy(env, c.Env)
	maps.Copy(env, map[string]string{
		"HOME":                            scratch,
		"TMPDIR":                          scratch,
		"AWS_LAMBDA_RUNTIME_API":          api,
		"_HANDLER":                        c.Handler,
		"LAMBDA_TASK_ROOT":                c.Code,
		"LAMBDA_RUNTIME_DIR":              c.Code,
		"AWS_LAMBDA_FUNCTION_NAME":        c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     c.version(),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.FormatInt(c.memorySize(), 10),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + c.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      c.logStream(time.Now()),
	})
	if c.Concurrency > 1 {
		env["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(c.Concurrency)
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// memorySize is the limit in MB, or all the machine's memory without one:
// runtimes parse it and libraries size their caches by it, so it must be a
// number above zero.
func (c *Config) memorySize() int64 {
	size := c.Memory
	var machine syscall.Sysinfo_t
	if size == 0 && syscall.Sysinfo(&machine) == nil {
		size = int64(machine.Totalram) * int64(machine.Unit)
	}
	return max(size>>20, 1)
}

// logStream is a name such as AWS gives: the day, the version, and something
// that tells this process from all others.
func (c *Config) logStream(now time.Time) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("%s/[%s]%s", now.UTC().Format("2006/01/02"), c.version(), hex.EncodeToString(id[:]))
}
