package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// helpText lists all keys, columns and words.
func (m *model) helpText() (all []string) {
	th := &m.theme
	add := func(name string, in mood, what string) {
		for i, line := range strings.Split(ansi.Wrap(what, max(m.w-helpName-3, 20), ""), "\n") {
			if i > 0 {
				name = ""
			}
			all = append(all, "  "+th.say(in, fit(name, helpName, false))+" "+line)
		}
	}
	for _, g := range m.keys.groups() {
		if len(g.keys) == 0 {
			continue
		}
		all = append(all, th.say(title, g.title))
		for _, b := range g.keys {
			add(b.Help().Key, keyName, b.Help().Desc)
		}
	}
	all = append(all, th.say(title, "Words"))
	for _, w := range wordsExplained {
		add(w[0], plain, w[1])
	}
	all = append(all, th.say(title, "Columns"))
	for _, c := range columnsExplained {
		add(c[0], plain, c[1])
	}
	return all
}

// helpName is how wide the names are that help explains.
const helpName = 12

// helpRoom is how many lines of help are seen at most.
func (m *model) helpRoom() int { return m.h - 2 }

// helpLines are the help, from the line on to which was scrolled.
func (m *model) helpLines() []string {
	all := m.helpText()
	lines := []string{rule("Keys", "↑ ↓ scroll, any other key goes back", "═", title, m.w, &m.theme)}
	for _, l := range all[m.help:min(m.help+m.helpRoom(), len(all))] {
		lines = append(lines, fitStyled(l, m.w))
	}
	return lines
}

// wordsExplained are the words that the screen uses for states.
var wordsExplained = [][2]string{
	{wordNoWorker, "a function that no worker serves, or a queue where jobs of such a function wait: start one (:scale N, or one with its labels)"},
	{wordBacklog, "a job has waited for a second or more: more workers, or fewer requests"},
	{wordLost, "silent for 3 s (of REQ and Majordomo workers: while not busy), or its process has ended; its jobs go to others"},
	{wordKilled, "died because an operator has asked for that"},
	{wordStuck, "a run was told to stop 5 s ago and has not: it holds a slot; kill the worker"},
	{wordFailed, "no version of this deployed function has come up: see faasctl functions NAME"},
	{wordBroken, "the version that takes requests does not come up at some workers: see faasctl functions NAME"},
	{wordVersion, "speaks another version of the bus: finish the upgrade"},
	{wordBare, "a queue that has none; what waits there goes to others"},
	{"draining", "finishes what it has and ends"},
	{"dying", "was told to die; gone within 3 s"},
	{"LIVE 1s", "what is shown is current, and drawn anew so often"},
	{"STALE 6s", "nobody was heard for that long: what is shown is old"},
	{"RECONNECTING", "nobody was heard for 10 s or more; goes on by itself"},
	{"PAUSED", "the display stands still; p goes on"},
}

// columnsExplained are the columns that do not say it all themselves.
var columnsExplained = [][2]string{
	{"WAITING", "jobs that could run if a worker were free"},
	{"IN-FL", "jobs that run; of a worker: of how many at a time"},
	{"FREE/ALL", "slots without a job, of all slots of the queue's workers"},
	{"IN/s OUT/s", "jobs that came and that were answered, a second"},
	{"HANDED±", "jobs taken from other queues, and given to them"},
	{"OLDEST", "how long the job has waited that waits longest"},
	{"p50 p95 p99", "so many percent of the last minute's jobs took at most that long; max: all. No time is too long to be well: how long yours may take you know"},
	{"TREND", "OUT/s lately, on a scale of its own"},
	{"WORKERS", "that serve the function"},
	{"FREE", "slots without a job, of those"},
	{"FAIL/s", "jobs that ended with an error, a second"},
	{"JOB", "the one that the worker has run longest; else a job's id"},
	{"RUNNING", "since when that job runs"},
	{"DONE/s", "jobs that the worker has answered, a second"},
	{"FAIL", "of all its jobs, those that ended with an error"},
	{"HEARD", "how long ago its last sign of life came; busy: none is due until it is done"},
	{"ATTEMPT", "runs of the job that were started, of how many may be"},
	{"MOVES", "how often the job has changed its queue"},
	{"AGE", "how long ago the job was accepted"},
	{"LEFT", "until the job's deadline"},
	{"BYTES", "the size of the job's request"},
	{"JOBS", "of a frontend, broker or supervisor: what it has"},
	{"UP", "since when the part runs"},
	{"UP TO", "jobs that took less than this, and no less than the line above"},
	{"SHARE", "of all jobs, these; BELOW: these and all above"},
	{"TOOK", "of a test or a step: how long"},
}

func (m *model) scrollHelp(msg tea.KeyMsg) {
	switch {
	case key.Matches(msg, m.keys.Up):
		m.help = max(m.help-1, 0)
	case key.Matches(msg, m.keys.Down):
		m.help++
	case key.Matches(msg, m.keys.PageDown):
		m.help += m.h - 3
	case key.Matches(msg, m.keys.PageUp):
		m.help = max(m.help-m.h+3, 0)
	default:
		m.help = -1
	}
}
