package systemd

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootVariable has the tests start a systemd of their own.
const bootVariable = "FAASD_BOOT_SYSTEMD"

// A systemd of its own, in namespaces, runs the units as they are: what hardening takes from a program shows only then.
func TestASystemdRunsTheUnits(t *testing.T) {
	if os.Getenv(bootVariable) == "" {
		t.Skipf("starts a systemd in namespaces of its own, as root; set %s=1, as .ci/run does", bootVariable)
	}
	if os.Geteuid() != 0 {
		t.Fatal("only root can start a systemd")
	}
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		t.Skipf("systemd is not there (Debian: apt-get install systemd): %v", err)
	}
	home := t.TempDir()
	said := layOut(t, home)
	cmd := exec.Command(absolute(t, "testdata/boot.sh"), bin, filepath.Join(home, "units"), home)
	group, fd := ownCgroup(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		UseCgroupFD: true, CgroupFD: fd, Pdeathsig: syscall.SIGKILL,
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Kill() // and all of its namespace with it
		<-ended
		removeCgroup(t, group)
	}()
	ok := untilDone(ended, said)
	text, _ := os.ReadFile(said)
	t.Logf("%s", text)
	if !ok {
		parts, _ := os.ReadFile(filepath.Join(home, "log"))
		t.Errorf("not all was kept; the parts said:\n%s", parts)
	}
}

// untilDone waits until a file's last line says that that is all; false if it does not come.
func untilDone(ended chan error, said string) bool {
	late := time.After(90 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		text, _ := os.ReadFile(said)
		switch {
		case strings.HasSuffix(string(text), "\nthat is all\n"):
			return true
		case strings.Contains(string(text), "FAILED: "):
			return false
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			return false
		case <-late:
			return false
		}
	}
}

// layOut makes a folder of units: faasd's as they are, enabled as an operator does, and what the least of systems has.
// It returns the file that testdata/try.sh writes to.
func layOut(t *testing.T, home string) (said string) {
	t.Helper()
	said = filepath.Join(home, "said")
	files := map[string]string{
		"test.target":               "[Unit]\nWants=try.service\n",
		"try.service":               "[Service]\nType=oneshot\nExecStart=" + absolute(t, "testdata/try.sh") + "\nStandardOutput=append:" + said + "\nStandardError=append:" + said + "\n",
		"faasd-.service.d/log.conf": "[Service]\nStandardOutput=append:" + home + "/log\nStandardError=append:" + home + "/log\n",
	}
	for _, name := range []string{"sysinit", "basic", "shutdown", "network-online", "multi-user", "umount"} {
		files[name+".target"] = "[Unit]\nDescription=stub\nDefaultDependencies=no\n"
	}
	for _, u := range append(units(t, "service"), units(t, "target")...) {
		files[u.name] = u.text
	}
	for name, text := range files {
		write(t, filepath.Join(home, "units", name), text)
	}
	wants := filepath.Join(home, "units/faasd.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"faasd-coordinator", "faasd-broker", "faasd-queue@queueA", "faasd-queue@queueB", "faasd-worker@1", "faasd-worker@2", "faasd-frontend"} {
		file, _, template := strings.Cut(name, "@")
		if template {
			file += "@"
		}
		if err := os.Symlink("../"+file+".service", filepath.Join(wants, name+".service")); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(home, "etc/faasd/frontend.env"), "FAASD_STORE=/var/lib/faasd/store\n")
	// The parts' users see their programs and units.
	for _, dir := range []string{bin, home, filepath.Dir(home)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return said
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ownCgroup makes a cgroup below this process's, so that the systemd has one of its own to rule.
func ownCgroup(t *testing.T) (path string, fd int) {
	t.Helper()
	mount := ""
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[2] == "cgroup2" {
			mount = fields[1]
			break
		}
	}
	if mount == "" {
		t.Skip("cgroups of version 2 are not mounted")
	}
	own := ""
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			own = strings.TrimSpace(rest)
		}
	}
	path, err := os.MkdirTemp(filepath.Join(mount, own), "faasd-systemd-")
	if err != nil {
		t.Skipf("no cgroup can be made: %v", err)
	}
	if err := os.Chmod(path, 0o755); err != nil { // it is the root of what parts see
		t.Fatal(err)
	}
	fd, err = syscall.Open(path, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return path, fd
}

// removeCgroup removes a cgroup and those below it, which are empty, or will be in a moment.
func removeCgroup(t *testing.T, path string) {
	t.Helper()
	var all []string
	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	late := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(all) > 0 {
		last := len(all) - 1
		if err := os.Remove(all[last]); err == nil || errors.Is(err, fs.ErrNotExist) {
			all = all[:last]
			continue
		}
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("the cgroup %s cannot be removed", path)
			return
		}
	}
}
