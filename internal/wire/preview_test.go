package wire

import (
	"strings"
	"testing"
)

func TestAPreviewIsBoundedAndACopy(t *testing.T) {
	m := &Message{Meta: Meta{ContentType: strings.Repeat("t", 5000)}}
	m.SetBody([]byte(strings.Repeat("x", 1<<20)))
	p := m.Preview()
	if len(p.Start) != MaxPreview || p.Bytes != 1<<20 || len(p.ContentType) != maxPreviewType {
		t.Errorf("%d bytes, of %d, of a type of %d bytes", len(p.Start), p.Bytes, len(p.ContentType))
	}
	if &p.Start[0] == &m.Body[0] {
		t.Error("the preview keeps the body")
	}
	m.SetBody(nil)
	if p := m.Preview(); len(p.Start) != 0 || p.Bytes != 0 {
		t.Errorf("of no body: %+v", p)
	}
}
