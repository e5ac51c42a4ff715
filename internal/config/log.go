package config

import (
	"io"
	"log/slog"
)

// Log is the settings of a program's log.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Declare adds --log-level, with its default, and --log-format to the set.
func (l *Log) Declare(s *Set, level string) {
	s.Group("Log")
	s.Enum(&l.Level, "log-level", level, []string{"debug", "info", "warn", "error"}, "least severe lines to write to standard error")
	s.Enum(&l.Format, "log-format", "text", []string{"text", "json"}, "how a line is written")
}

// Logger returns a logger that writes to w, which is standard error but for
// tests.
func (l Log) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // a Log that was never declared
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
