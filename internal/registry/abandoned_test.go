package registry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestAVersionWhoseProcessHasEndedIsGivenUp(t *testing.T) {
	for name, next := range map[string]func(s stage, path string) stage{
		"by who opens the store": func(_ stage, path string) stage { return openStage(t, path) },
		"by a sweep": func(s stage, _ string) stage {
			swept, err := s.Sweep(time.Now())
			if err != nil || !swept.Abandoned {
				t.Errorf("%+v, %v", swept, err)
			}
			return s
		},
		"by the next deploy": func(s stage, _ string) stage {
			s.deploy("f", "three")
			return s
		},
	} {
		path := t.TempDir()
		s, other := openStage(t, path), openStage(t, path)
		s.deploy("f", "one")
		_, _, err := s.Stage("f", s.put("two"))
		check(t, err)
		if swept, err := other.Sweep(time.Now()); err != nil || swept.Abandoned {
			t.Errorf("while it is tried: %+v, %v", swept, err)
		}
		openStage(t, path).is("f", 1, StateReady, StateTrying)
		check(t, s.Close()) // as its end does
		s = next(other, path)
		if v := s.Catalogue().Functions[0].Versions[1]; v.State != StateFailed || !strings.Contains(v.Reason, "deploy it again") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// stageIn, in the environment, has this program stage a version in that folder
// and wait for its end.
const stageIn = "REGISTRY_TEST_STAGE_IN"

func TestMain(m *testing.M) {
	path := os.Getenv(stageIn)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := OpenFolder(path)
	if err == nil {
		manifest := good()
		manifest.Package, manifest.Size, err = f.Put(strings.NewReader("x"), "")
		if err == nil {
			_, _, err = f.Stage("f", manifest)
		}
	}
	fmt.Println("staged:", err)
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is the test's, if it does not kill us
}

func TestAProcessThatIsKilledWhileItDeploysBlocksNobody(t *testing.T) {
	s := openStage(t, t.TempDir())
	program, err := os.Executable()
	check(t, err)
	other := exec.Command(program)
	other.Env = append(os.Environ(), stageIn+"="+s.path)
	_, err = other.StdinPipe()
	check(t, err)
	out, err := other.StdoutPipe()
	check(t, err)
	check(t, other.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "staged: <nil>\n" {
		t.Errorf("%q, %v", line, err)
	}
	if _, _, err := s.Stage("f", s.put("y")); !errors.Is(err, ErrBusy) {
		t.Errorf("while it lives: %v", err)
	}
	check(t, other.Process.Kill())
	_ = other.Wait() // says that it was killed
	swept, err := s.Sweep(time.Now())
	if err != nil || !swept.Abandoned {
		t.Errorf("%+v, %v", swept, err)
	}
	s.is("f", 0, StateFailed)
	if n := s.deploy("f", "y"); n != 2 {
		t.Errorf("version %d", n)
	}
}
