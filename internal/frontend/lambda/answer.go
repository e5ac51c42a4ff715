package lambda

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/function"
	"faasd/internal/wire"
)

// unknownError is the type of an error that nobody has named, as AWS calls it.
const unknownError = "Runtime.Unknown"

// failure is the body of a function's error that it did not write itself.
type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// write writes an answer: what the function returned, or 200 with
// X-Amz-Function-Error if it is the function that failed, or an exception if it
// is not known that it did.
func write(call *httpcall.Call, a frontend.Answer, x *httpserver.Exchange) {
	var f failure
	switch a.Code {
	case wire.CodeOK:
		call.Write(http.StatusOK, cmp.Or(a.ContentType, "application/json"), a.Body)
		return
	case wire.CodeFunctionError:
		if json.Valid(a.Body) {
			fails(x)
			call.Write(http.StatusOK, "application/json", a.Body)
			return
		}
		f = failure{string(a.Body), cmp.Or(a.ErrorType, unknownError)}
	case wire.CodeFunctionFailed:
		f = failure{says(call, a.Reason), cmp.Or(a.ErrorType, unknownError)}
	case wire.CodeWorkersLost: // a crash takes the worker with it, as far as that one is not guarded from it
		f = failure{says(call, a.Reason), function.TypeExit}
	case wire.CodeTimedOut:
		f = failure{says(call, a.Reason), function.TypeTimeout}
		if own := call.Function.Timeout; own > 0 {
			f.Message = says(call, fmt.Sprintf("Task timed out after %.2f seconds", own.Seconds()))
		}
	default: // no answer in time, a damaged one, a frontend that stops
		refuse(x, call.Failure(a))
		return
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic("lambda: a failure is plain data: " + err.Error())
	}
	fails(x)
	call.Write(http.StatusOK, "application/json", b)
}

// says puts what went wrong in AWS's words.
func says(call *httpcall.Call, why string) string {
	return "RequestId: " + call.Job() + " Error: " + why
}

func fails(x *httpserver.Exchange) { x.Set("X-Amz-Function-Error", "Unhandled") }
