package process

import (
	"io"
	"os"
	"sync"
)

// outputs are the pipes of a process's standard output and error; nil where
// what is written is thrown away.
type outputs struct {
	ours, theirs [2]*os.File
}

func openOutputs(s Spec) (o outputs, err error) {
	for i, w := range []io.Writer{s.Stdout, s.Stderr} {
		if w == nil {
			continue
		}
		if o.ours[i], o.theirs[i], err = os.Pipe(); err != nil {
			o.closeOurs()
			o.closeTheirs()
			return outputs{}, err
		}
	}
	return o, nil
}

func (o *outputs) closeOurs()   { closeAll(o.ours[:]) }
func (o *outputs) closeTheirs() { closeAll(o.theirs[:]) }

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// copy copies to the writers what comes, on goroutines of its own, and closes
// drained when all is copied. A stream whose writer fails is closed: who writes
// more to it gets SIGPIPE.
func (o *outputs) copy(stdout, stderr io.Writer, drained chan<- struct{}) (streams []*stream) {
	var copied sync.WaitGroup
	for i, w := range []io.Writer{stdout, stderr} {
		if r := o.ours[i]; r != nil {
			s := newStream(r, w)
			streams = append(streams, s)
			copied.Go(s.copy)
		}
	}
	go func() {
		copied.Wait()
		close(drained)
	}()
	return streams
}
