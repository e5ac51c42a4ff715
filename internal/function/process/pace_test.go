package process

import (
	"testing"
	"time"
)

// What a function prints in a burst is read as it comes; what it prints without
// end, at the pace.
func TestAStreamIsReadAtItsPace(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int           // that are written
		pause time.Duration // between reads
		want  time.Duration // that all of it takes
	}{
		{"a burst", paceBurst, 0, 0},
		{"without end", 10 * paceRate, 0, 10 * time.Second},
		{"slowly", paceRate, 10 * time.Millisecond, 40960 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			began := time.Unix(1_000_000, 0)
			now := began
			for left := c.bytes; left > 0; left -= pipeSize / 2 {
				now = now.Add(c.pause + p.after(pipeSize/2, now))
			}
			if took := now.Sub(began); took < c.want-200*time.Millisecond || took > c.want {
				t.Errorf("%d bytes take %s, want about %s", c.bytes, took, c.want)
			}
		})
	}
}
