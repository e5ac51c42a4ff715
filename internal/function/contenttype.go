package function

import (
	"encoding/json"
	"net/http"
)

// ContentType guesses the type of an answer whose function cannot say it: JSON
// if it is that as a whole, else what its first 512 bytes look like (the
// algorithm of https://mimesniff.spec.whatwg.org).
func ContentType(body []byte) string {
	if json.Valid(body) {
		return "application/json"
	}
	return http.DetectContentType(body)
}
