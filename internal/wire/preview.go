package wire

import "bytes"

// Preview is the beginning of a job's body, for people. Bodies do not cross the
// bus; this much does, in the reply to whoever asks about that one job.
type Preview struct {
	Start       []byte `json:"start"` // at most MaxPreview bytes
	Bytes       int    `json:"bytes"` // of the whole body
	ContentType string `json:"content_type,omitempty"`
}

// Bounds of a Preview, in bytes.
const (
	MaxPreview     = 64
	maxPreviewType = 128 // of the content type, which a client may make much longer
)

// Preview shows the beginning of the message's body, in a copy: whoever keeps it
// does not keep the body.
func (m *Message) Preview() *Preview {
	return &Preview{
		Start: bytes.Clone(m.Body[:min(len(m.Body), MaxPreview)]), Bytes: len(m.Body),
		ContentType: m.Meta.ContentType[:min(len(m.Meta.ContentType), maxPreviewType)],
	}
}
