package httpcall

// validTrace reports whether s is a traceparent as W3C Trace Context has it:
// version, trace, parent and flags in lower-case hexadecimal; later versions may
// have more.
func validTrace(s string) bool {
	const length = 55
	if len(s) < length || len(s) > 2*length || len(s) > length && s[length] != '-' {
		return false
	}
	for i := range length {
		c := s[i]
		switch dash := i == 2 || i == 35 || i == 52; {
		case dash && c != '-', !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
