package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// The IEC units, largest first.
var byteUnits = []struct {
	suffix string
	shift  uint
}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}

var errBytes = errors.New("not a size: write a whole number of bytes, or one with B, KiB, MiB, GiB or TiB, such as 6MiB")

// ParseBytes reads a size in bytes: a whole number, alone or directly followed
// by B, KiB, MiB, GiB or TiB. MB and the like are refused, because people
// differ on whether they count in thousands.
func ParseBytes(text string) (int64, error) {
	digits, shift := text, uint(0)
	for _, u := range byteUnits {
		if d, ok := strings.CutSuffix(text, u.suffix); ok {
			digits, shift = d, u.shift
			break
		}
	}
	if strings.Trim(digits, "0123456789") != "" { // ParseInt would take a sign
		return 0, errBytes
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) || err == nil && n > math.MaxInt64>>shift {
		return 0, errors.New("size too large: write less than 8388608TiB")
	}
	if err != nil {
		return 0, errBytes
	}
	return n << shift, nil
}

// FormatBytes writes a size so that [ParseBytes] reads the same number back,
// in the largest unit that leaves no remainder: 6MiB, 1000.
func FormatBytes(n int64) string {
	for _, u := range byteUnits {
		if u.shift > 0 && n >= 1<<u.shift && n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
