package lambda

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
)

// The paths of the Extensions API, as far as it is here.
const (
	extensionPath = "/2020-01-01/extension/"
	registerPath  = extensionPath + "register"
	eventPath     = extensionPath + "event/next"
)

const (
	extensionName = "Lambda-Extension-Name"
	extensionID   = "Lambda-Extension-Identifier"
)

// register takes an extension that runs inside of the process and wants no
// events. At AWS such a one turns SIGTERM on at the process's end, which is why
// aws-lambda-go has it; here SIGTERM comes anyway.
func (i *instance) register(req *http.Request) answer {
	if req.Header.Get(extensionName) == "" {
		return refuse(http.StatusForbidden, "Extension.InvalidExtensionName", extensionName+" is missing")
	}
	body, err := readBody(req, maxReported)
	if err != nil {
		return wrongBody
	}
	var wanted struct {
		Events []string `json:"events"`
	}
	if len(body) > 0 && json.Unmarshal(body, &wanted) != nil {
		return refuse(http.StatusBadRequest, "InvalidRequestFormat", "The body is not the JSON of a registration")
	}
	if len(wanted.Events) > 0 {
		return refuse(http.StatusForbidden, "Extension.InvalidEventType",
			"Events for extensions are not supported here: register for none, and take SIGTERM for the end")
	}
	cfg := &i.f.cfg
	text, _ := json.Marshal(struct { // strings never fail
		Name    string `json:"functionName"`
		Version string `json:"functionVersion"`
		Handler string `json:"handler"`
	}{cfg.Name, cfg.version(), cfg.Handler})
	return answer{status: http.StatusOK, header: extensionID + ": " + rand.Text() + "\r\n", body: string(text) + "\n"}
}

// event lets an extension wait: there are no events.
func (i *instance) event(req *http.Request) answer {
	if req.Header.Get(extensionID) == "" {
		return refuse(http.StatusForbidden, "Extension.MissingExtensionIdentifier", extensionID+" is missing")
	}
	return later
}
