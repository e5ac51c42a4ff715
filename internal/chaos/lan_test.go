package chaos

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"faasd/internal/proc"
)

// A lan is some machines on one switch. The switch is this process's network,
// which is not that of the machine that the test runs on; each machine is a
// network, a name and an /etc/hosts of its own. This process is on the switch.
type lan struct {
	t     *testing.T
	dir   string // a folder for each machine
	bin   string // folder of faasd and faasctl
	boxes map[string]int
}

// client is the name of this process's machine, and where it is on the lan.
const (
	outsider  = "client"
	clientsIP = "10.0.0.254/24"
)

// insideVariable says that this process runs in namespaces of its own, and in
// which folder the programs are.
const insideVariable = "CHAOS_LAN_BIN"

// inNamespaces runs the calling test again in a process that may make networks
// and is alone, and returns true in that one.
func inNamespaces(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("skipped: machines are network namespaces, which only root makes")
	}
	apart := []string{"--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"}
	if out, err := exec.Command("unshare", append(apart, "ip", "link", "add", "br0", "type", "bridge")...).CombinedOutput(); err != nil {
		t.Skipf("skipped: no network namespaces or bridges here: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, program := range []string{"faasd", "faasctl"} {
		if err := os.Rename(build(t, "cmd/"+program), filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), lanWithin)
	defer cancel()
	log := filepath.Join(bin, "log")
	p, err := proc.Start(ctx, proc.Spec{
		Name: "the test in namespaces", Bin: "/usr/bin/unshare", LogFile: log, Env: []string{insideVariable + "=" + bin},
		Args: append(apart, "--", self, "-test.run=^"+t.Name()+"$", "-test.v"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	err = p.Wait(ctx)
	text, _ := os.ReadFile(log)
	t.Logf("%s", text)
	if err != nil {
		t.Error(err)
	}
	return false
}

// lanWithin is how long a test on a lan may take; a third is usual.
const lanWithin = 3 * time.Minute

// newLAN makes machines with the addresses 10.0.0.1 and up.
func newLAN(t *testing.T, names ...string) *lan {
	t.Helper()
	l := &lan{t: t, dir: t.TempDir(), bin: os.Getenv(insideVariable), boxes: make(map[string]int)}
	l.must("ip", "link", "set", "lo", "up")
	l.must("ip", "link", "add", "br0", "type", "bridge")
	l.must("ip", "addr", "add", clientsIP, "dev", "br0")
	l.must("ip", "link", "set", "br0", "up")
	l.folder(outsider)
	l.must("mount", "--bind", l.hosts(outsider), "/etc/hosts")
	for i, name := range names {
		l.folder(name)
		l.plug(name, "10.0.0."+strconv.Itoa(i+1)+"/24")
	}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for name := range l.boxes {
			if text, err := os.ReadFile(l.log(name)); err == nil {
				t.Logf("the end of what %s says:\n%s", name, text[max(0, len(text)-6000):])
			}
		}
	})
	return l
}

func (l *lan) hosts(name string) string { return filepath.Join(l.dir, name, "hosts") }
func (l *lan) log(name string) string   { return filepath.Join(l.dir, name, "log") }

func (l *lan) folder(name string) {
	l.t.Helper()
	if err := os.Mkdir(filepath.Join(l.dir, name), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(l.hosts(name), []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// plug starts a machine and connects it to the switch.
func (l *lan) plug(name, address string) {
	l.t.Helper()
	box := exec.Command("unshare", "--net", "--mount", "--uts", "sh", "-euc",
		`hostname "$1"; mount --bind "$2" /etc/hosts; echo on; exec sleep infinity`, "sh", name, l.hosts(name))
	out, err := box.StdoutPipe()
	if err == nil {
		err = box.Start() // it ends with this process, which is the first in its pid namespace
	}
	if err != nil {
		l.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "on\n" {
		l.t.Fatalf("%s is not on: %q, %v", name, line, err)
	}
	l.boxes[name] = box.Process.Pid
	l.must("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(box.Process.Pid))
	l.must("ip", "link", "set", name, "master", "br0")
	l.must("ip", "link", "set", name, "up")
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", address, "dev", "eth0"}, {"link", "set", "eth0", "up"}} {
		l.must("nsenter", append([]string{"-t", strconv.Itoa(box.Process.Pid), "-n", "ip"}, args...)...)
	}
}

// cable pulls a machine's cable out ("down") or puts it back ("up").
func (l *lan) cable(name, state string) {
	l.t.Helper()
	l.must("ip", "link", "set", name, state)
}

// run runs a script on a machine, or as a client.
func (l *lan) run(name, script string) {
	l.t.Helper()
	args := []string{"sh", "-euc", script}
	if pid := l.boxes[name]; pid != 0 {
		args = append([]string{"nsenter", "-t", strconv.Itoa(pid), "-n", "-m", "-u"}, args...)
	}
	log, err := os.OpenFile(l.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log // what it leaves in the background too
	cmd.Env = []string{"HOME=" + filepath.Join(l.dir, name), "PATH=" + l.bin + ":" + os.Getenv("PATH")}
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(l.log(name))
		l.t.Fatalf("on %s, this fails: %v\n%s\nand says:\n%s", name, err, script, text)
	}
}

func (l *lan) must(name string, args ...string) {
	l.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}
