package sim

import (
	"fmt"
	"strings"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// describe is a line of the trace: one message that has arrived.
func describe(from, to string, p role.Packet) string {
	way := from + " → " + to + " "
	frames := p.Frames
	if len(frames) == 3 { // a topic in front
		frames = frames[1:]
	}
	if m, err := wire.Decode(frames); err == nil {
		return way + describeMessage(m)
	}
	if len(frames) > 1 && len(frames[0]) == 0 {
		frames = frames[1:]
	}
	if t, err := wire.DecodeText(frames); err == nil {
		return strings.TrimSpace(fmt.Sprintf("%s%s %s%s", way, t.Command, jobName(t.Job), t.Name))
	}
	return fmt.Sprintf("%s%.200q", way, p.Frames[0])
}

func describeMessage(m *wire.Message) string {
	line := fmt.Sprintf("%s link %d", m.Type, m.LinkEpoch)
	if m.Type.Numbered() {
		line += fmt.Sprintf(" #%d", m.LinkSeq)
	}
	line += fmt.Sprintf(" ack %d", m.LinkAck)
	if m.Job != (wire.JobID{}) {
		line += fmt.Sprintf(" %s", jobName(m.Job))
	}
	switch m.Type {
	case wire.TypeJob, wire.TypeMove, wire.TypeAttempt, wire.TypeResult, wire.TypeMoved, wire.TypeRefused, wire.TypeCancel:
		line += fmt.Sprintf(" attempt %d/%d assignment %d", m.Attempt, m.AttemptLimit, m.Assignment)
	}
	if m.Flags&wire.FlagResent != 0 {
		line += " resent"
	}
	if m.Flags&wire.FlagAlone != 0 {
		line += " alone"
	}
	if m.Code != wire.CodeOK {
		line += fmt.Sprintf(" code %d", m.Code)
	}
	return line
}

// jobName is how the trace calls a job: by the number that the simulator gave it.
func jobName(id wire.JobID) string {
	if id == (wire.JobID{}) {
		return ""
	}
	n := 0
	for _, b := range id[8:] {
		n = n<<8 | int(b)
	}
	return fmt.Sprintf("job%d", n)
}
