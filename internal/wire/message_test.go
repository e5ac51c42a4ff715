package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/oklog/ulid/v2"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is the JOB that docs/PROTOCOL.md shows.
func example() *Message {
	m := &Message{
		Header: Header{
			Type: TypeJob, Flags: FlagResent, Job: ulid.MustParse("01JQXM7C2N8RZ5V0T4W6Y3HGKE"),
			Attempt: 1, AttemptLimit: 3, Moves: 2, Assignment: 4,
			Origin: 0xf00dfeed00000001, OriginSeq: 1234, OriginOpen: 1230,
			Owner: 0xb0b0000000000002, Sender: 0xb0b0000000000002, Receiver: 0xcafe000000000003,
			LinkSeq: 77, LinkAck: 70, CreditCount: 1094, CreditBytes: 67108864, LinkEpoch: 5,
			SentMillis: 86400000, TTLMillis: 29950, FunctionVersion: 6,
			TraceID:    [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
			SpanID:     [8]byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
			TraceFlags: 1, HeardMillis: 86399873, ResultRoom: 40, Waited: 50,
		},
		Meta: Meta{Function: "echo", ContentType: "application/json"},
	}
	m.SetBody([]byte(`{"hello":"world"}`))
	return m
}

func TestJobLooksAsDrawn(t *testing.T) {
	const golden = "testdata/job.hex"
	got := dump(t, example().Frames())
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the JOB has changed on the wire; if that is meant, raise Version or add behind the known part, "+
			"run with -update and show the new dump in docs/PROTOCOL.md.\ngot:\n%s\nwant:\n%s", got, want)
	}
}

// dump draws frames with decimal offsets, as in the comment of Header. The meta
// begins where the header says that it ends.
func dump(t *testing.T, frames [][]byte) string {
	t.Helper()
	if len(frames) != 2 {
		t.Fatalf("a message of %d frames, want header with meta, and body", len(frames))
	}
	var s strings.Builder
	draw := func(name string, from int, frame []byte) {
		fmt.Fprintf(&s, "%s, %d bytes\n", name, len(frame)-from)
		for at := from; at < len(frame); at += 16 {
			row := frame[at:min(at+16, len(frame))]
			hex := fmt.Sprintf("% x  % x", row[:min(8, len(row))], row[min(8, len(row)):])
			text := bytes.Clone(row)
			for i, c := range text {
				if c < ' ' || c > '~' {
					text[i] = '.'
				}
			}
			fmt.Fprintf(&s, "%5d  %-48s  %s\n", at, hex, text)
		}
	}
	ends := headerLength(frames[0])
	draw("frame 1: header", 0, frames[0][:ends])
	draw("frame 1: meta", ends, frames[0])
	draw("frame 2: body", 0, frames[1])
	return s.String()
}

// headerLength is where a first frame says that its header ends.
func headerLength(frame []byte) int { return int(binary.BigEndian.Uint16(frame[6:])) }

// lengthen returns a first frame whose header has that much more behind what is
// known, as a later release may write it.
func lengthen(frame, more []byte) []byte {
	ends := headerLength(frame)
	longer := slices.Concat(frame[:ends], more, frame[ends:])
	binary.BigEndian.PutUint16(longer[6:], uint16(ends+len(more)))
	return longer
}

func TestHeaderComesBackAsItWasSent(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	types := []Type{
		TypeHello, TypeBeacon, TypeGaps, TypeGoodbye,
		TypeJob, TypeResult, TypeCancel, TypeMove, TypeMoved, TypeRefused, TypeReturn, TypeVoid,
	}
	for range 2000 {
		v, ok := quick.Value(reflect.TypeFor[Header](), r)
		if !ok {
			t.Fatal("a Header cannot be made at random")
		}
		m := &Message{Header: v.Interface().(Header)}
		m.Type = types[r.Intn(len(types))]
		m.Sender |= 1
		m.Meta = Meta{
			Function: printable(r, 64), ContentType: printable(r, 80), Queue: printable(r, 64),
			Worker: printable(r, 64), Reason: printable(r, 300), Target: printable(r, 16),
		}
		body := make([]byte, r.Intn(200))
		r.Read(body)
		m.SetBody(body)

		frames := m.Frames()
		got, err := Decode(frames)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("sent %+v\n got %+v", m, got)
		}
		if err := got.CheckBody(); err != nil {
			t.Fatal(err)
		}
		if again := got.Frames(); !reflect.DeepEqual(again, frames) {
			t.Fatalf("encoded %x\n  again %x", frames, again)
		}
	}
}

func printable(r *rand.Rand, longest int) string {
	b := make([]byte, r.Intn(longest+1))
	for i := range b {
		b[i] = byte(' ' + r.Intn(95))
	}
	return string(b)
}

func TestEveryHeaderFieldHasItsOwnPlace(t *testing.T) {
	// Each field in turn is all ones and the others zero: nothing overlaps, nothing is left out.
	bare := Header{Type: TypeJob, Sender: 1}
	taken := make(map[int]string)
	base := bare.append(nil)
	for i := range reflect.TypeFor[Header]().NumField() {
		h := bare
		f := reflect.ValueOf(&h).Elem().Field(i)
		name := reflect.TypeFor[Header]().Field(i).Name
		if name == "Type" {
			continue // only some values decode
		}
		switch f.Kind() {
		case reflect.Array:
			for k := range f.Len() {
				f.Index(k).SetUint(0xff)
			}
		default:
			f.SetUint(1<<(8*f.Type().Size()) - 1)
		}
		b := h.append(nil)
		if len(b) != HeaderSize {
			t.Fatalf("header of %d bytes, want %d", len(b), HeaderSize)
		}
		changed := 0
		for at := range b {
			if b[at] == base[at] {
				continue
			}
			changed++
			if other, ok := taken[at]; ok {
				t.Errorf("%s and %s share byte %d", name, other, at)
			}
			taken[at] = name
		}
		if want := int(f.Type().Size()); changed != want {
			t.Errorf("%s takes %d bytes, want %d", name, changed, want)
		}
		const behind = "what stands behind it"
		var got Header
		rest, err := got.decode(append(b, behind...))
		if err != nil || got != h || string(rest) != behind {
			t.Errorf("%s: sent %+v, got %+v and %q behind it, %v", name, h, got, rest, err)
		}
	}
}

func TestBodyIsNeitherCopiedNorChanged(t *testing.T) {
	body := []byte("\x00\xff any bytes at all")
	m := &Message{Header: Header{Type: TypeResult, Sender: 1}, Meta: Meta{Function: "echo"}}
	m.SetBody(body)
	frames := m.Frames()
	got, err := Decode(frames)
	if err != nil {
		t.Fatal(err)
	}
	if &frames[1][0] != &body[0] || &got.Body[0] != &body[0] {
		t.Error("the body was copied")
	}
	if _ = append(frames[0], "more"...); string(body) != "\x00\xff any bytes at all" {
		t.Error("appending to the frame of header and meta writes over the body")
	}
}

func TestEmptyBody(t *testing.T) {
	m := &Message{Header: Header{Type: TypeBeacon, Sender: 1}}
	m.SetBody(nil)
	got, err := Decode(m.Frames())
	if err != nil || len(got.Body) != 0 || got.CheckBody() != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLongerHeaderOfTheSameVersionDecodes(t *testing.T) {
	m := example()
	most := 1<<16 - 1 - HeaderSize // what the header's length field has room for
	for _, n := range []int{0, 1, 8, 1000, most} {
		// Nothing in the tail must be taken for meta: not an empty name, not a
		// whole one with a field, not one that would run beyond the frame.
		for _, tail := range [][]byte{{0}, {1, 'x', fieldQueue, 0, 1, 'q'}, {0xff}} {
			more := bytes.Repeat(tail, n)[:n]
			frames := m.Frames()
			frames[0] = lengthen(frames[0], more)
			got, err := Decode(frames)
			if err != nil {
				t.Errorf("with %d bytes %.6x more: %v", n, more, err)
			} else if !reflect.DeepEqual(got, m) {
				t.Errorf("with %d bytes %.6x more: got %+v, want %+v", n, more, got, m)
			}
		}
	}
}

// The header's length alone says where the meta begins, also where the meta is
// the least that it can be.
func TestMetaIsFoundBehindTheHeader(t *testing.T) {
	for _, meta := range []Meta{{}, {Function: "f"}, {Target: "00000000000000ff"}} {
		m := &Message{Header: Header{Type: TypeMove, Sender: 1}, Meta: meta}
		m.SetBody([]byte("body"))
		frames := m.Frames()
		if len(frames) != 2 || len(frames[0]) != HeaderSize+meta.size() || headerLength(frames[0]) != HeaderSize {
			t.Fatalf("%+v is written as %q", m, frames)
		}
		for _, more := range []string{"", "\x00", "tail"} {
			got, err := Decode([][]byte{lengthen(frames[0], []byte(more)), frames[1]})
			if err != nil || got.Meta != meta || string(got.Body) != "body" {
				t.Errorf("%+v behind a header with %q more: got %+v, %v", meta, more, got, err)
			}
		}
	}
}

func TestReservedBytesAreSkipped(t *testing.T) {
	m := example()
	frames := m.Frames()
	for _, at := range []int{142, 143, 169, 171} {
		frames[0][at] = 0xee
	}
	if got, err := Decode(frames); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("got %+v, %v, want %+v", got, err, m)
	}
}

func TestUnusableMessagesAreRefused(t *testing.T) {
	patch := func(at int, v ...byte) func([][]byte) [][]byte {
		return func(f [][]byte) [][]byte { copy(f[0][at:], v); return f }
	}
	saying := func(length int) func([][]byte) [][]byte {
		return patch(6, byte(length>>8), byte(length))
	}
	whole := len(example().Frames()[0])
	for _, c := range []struct {
		name string
		harm func(f [][]byte) [][]byte
		want error
	}{
		{"no frames", func(f [][]byte) [][]byte { return nil }, ErrMalformed},
		{"one frame", func(f [][]byte) [][]byte { return f[:1] }, ErrMalformed},
		{"three frames", func(f [][]byte) [][]byte { return append(f, nil) }, ErrMalformed},
		{"meta in a frame of its own", func(f [][]byte) [][]byte {
			return [][]byte{f[0][:HeaderSize], f[0][HeaderSize:], f[1]}
		}, ErrMalformed},
		{"empty header", func(f [][]byte) [][]byte { f[0] = nil; return f }, ErrMalformed},
		{"header cut short", func(f [][]byte) [][]byte { f[0] = f[0][:HeaderSize-1]; return f }, ErrMalformed},
		{"header cut short, and says so", func(f [][]byte) [][]byte {
			f[0] = f[0][:HeaderSize-1]
			return saying(HeaderSize - 1)(f)
		}, ErrMalformed},
		{"header says that it has nothing", saying(0), ErrMalformed},
		{"header says less than its least length", saying(HeaderSize - 1), ErrMalformed},
		{"header says that it takes the meta as well", saying(whole), ErrMalformed},
		{"header says that it ends within the meta", saying(whole - 1), ErrMalformed},
		{"header says one more than the frame has", saying(whole + 1), ErrMalformed},
		{"header says far more than the frame has", saying(1<<16 - 1), ErrMalformed},
		{"other magic", patch(0, 'F'), ErrMalformed},
		{"other magic behind", patch(1, 0), ErrMalformed},
		{"version 0", patch(2, 0), ErrVersion},
		{"next version", patch(2, Version+1), ErrVersion},
		{"next version with a shorter header", func(f [][]byte) [][]byte {
			f[0] = f[0][:64]
			return patch(2, Version+1)(f)
		}, ErrVersion},
		{"next version with a longer header", func(f [][]byte) [][]byte {
			f[0] = append(f[0], 1, 2, 3)
			return patch(2, Version+1)(f)
		}, ErrVersion},
		{"type 0", patch(3, 0), ErrMalformed},
		{"type between unnumbered and numbered", patch(3, byte(TypeGoodbye)+1), ErrMalformed},
		{"type below numbered", patch(3, byte(TypeJob)-1), ErrMalformed},
		{"type behind the last", patch(3, byte(TypeLines)+1), ErrMalformed},
		{"no sender", patch(64, 0, 0, 0, 0, 0, 0, 0, 0), ErrMalformed},
		{"body shorter than said", func(f [][]byte) [][]byte { f[1] = f[1][1:]; return f }, ErrMalformed},
		{"body longer than said", func(f [][]byte) [][]byte { f[1] = append(f[1], 0); return f }, ErrMalformed},
		{"body length of the other sign", patch(124, 0xff, 0xff, 0xff, 0xff), ErrMalformed},
		{"no meta", func(f [][]byte) [][]byte { f[0] = f[0][:HeaderSize]; return f }, ErrMalformed},
		{"meta cut short", func(f [][]byte) [][]byte { f[0] = f[0][:whole-1]; return f }, ErrMalformed},
		{"meta with one byte too many", func(f [][]byte) [][]byte { f[0] = append(f[0], 0); return f }, ErrMalformed},
		{"a longer header without meta", func(f [][]byte) [][]byte {
			f[0] = lengthen(f[0][:HeaderSize], []byte("tail"))
			return f
		}, ErrMalformed},
		{"frames in another order", func(f [][]byte) [][]byte { return [][]byte{f[1], f[0]} }, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode(c.harm(example().Frames()))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if errors.Is(err, ErrMalformed) && errors.Is(err, ErrVersion) {
				t.Errorf("%v is two things at once", err)
			}
			if m != nil {
				t.Errorf("got a message as well: %+v", m)
			}
		})
	}
}

func TestDamagedBodyIsNoticed(t *testing.T) {
	for bit := range 8 * len(example().Body) {
		m := example()
		m.Body[bit/8] ^= 1 << (bit % 8)
		got, err := Decode(m.Frames())
		if err != nil {
			t.Fatal(err)
		}
		if err := got.CheckBody(); !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), m.Job.String()) {
			t.Fatalf("bit %d: got %v, want %v that names the job", bit, err, ErrChecksum)
		}
	}
}

func TestSizeBoundsSmallJobsToo(t *testing.T) {
	m := &Message{}
	if m.Size() == 0 {
		t.Error("a job without a body counts nothing")
	}
	empty := m.Size()
	m.SetBody(make([]byte, 1000))
	if got := m.Size(); got != empty+1000 {
		t.Errorf("a job of 1000 bytes counts %d, want %d", got, empty+1000)
	}
}

func TestTypes(t *testing.T) {
	numbered := map[Type]bool{
		TypeHello: false, TypeBeacon: false, TypeGaps: false, TypeGoodbye: false,
		TypeJob: true, TypeResult: true, TypeCancel: true, TypeMove: true,
		TypeMoved: true, TypeRefused: true, TypeReturn: true, TypeVoid: true,
		TypeKill: true, TypeDrain: true, TypeUndrain: true, TypeAttempt: true, TypeAsk: true, TypeHave: true,
		TypeCatalogue: true, TypeServes: true, TypeLogs: true, TypeLines: true,
	}
	names := make(map[string]bool)
	for v := range 256 {
		typ := Type(v)
		want, known := numbered[typ]
		if typ.known() != known {
			t.Errorf("%v: known %t, want %t", typ, typ.known(), known)
		}
		if known && typ.Numbered() != want {
			t.Errorf("%v: numbered %t, want %t", typ, typ.Numbered(), want)
		}
		if unnamed := strings.HasPrefix(typ.String(), "type "); unnamed == known {
			t.Errorf("type %d is called %q", v, typ)
		}
		if names[typ.String()] {
			t.Errorf("two types are called %q", typ)
		}
		names[typ.String()] = true
	}
}

func TestIncarnationText(t *testing.T) {
	for _, v := range []Incarnation{0, 1, 0xab, 0x0123456789abcdef, 1<<64 - 1} {
		got, err := ParseIncarnation(v.String())
		if err != nil || got != v || len(v.String()) != 16 {
			t.Errorf("%d as %q came back as %d, %v", uint64(v), v, uint64(got), err)
		}
	}
	for _, bad := range []string{
		"", "1", "000000000000001", "00000000000000001", "000000000000000g", "1zzzzzzzzzzzzzzz",
		"12 4567890abcdef", "               1", "1               ", "+000000000000001", "-000000000000001",
		"0x00000000000001", "0_00000000000001", "00000000000000\n1", "0000000000000é1",
	} {
		if v, err := ParseIncarnation(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q was read as %v, %v", bad, v, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	add := func(frames [][]byte) { f.Add(frames[0], frames[1]) }
	add(example().Frames())
	hello := &Message{Header: Header{Type: TypeHello, Flags: FlagDraining, Sender: 1, LinkEpoch: 1}}
	hello.SetBody([]byte(`{"role":"queue"}`))
	add(hello.Frames())
	for _, more := range []string{"\x00", "tail", strings.Repeat("\xff", 300)} {
		longer := example().Frames()
		longer[0] = lengthen(longer[0], []byte(more))
		add(longer)
	}
	for _, length := range []uint16{0, HeaderSize - 1, HeaderSize + 1, HeaderSize + 24, HeaderSize + 25, 1<<16 - 1} {
		lying := example().Frames()
		binary.BigEndian.PutUint16(lying[0][6:], length)
		add(lying)
	}
	f.Add([]byte("fd"), []byte{})
	f.Add(bytes.Repeat([]byte{0xff}, HeaderSize+1), []byte{})
	f.Add(append(bytes.Clone(example().Frames()[0][:HeaderSize]), 0), []byte{})
	f.Fuzz(func(t *testing.T, first, body []byte) {
		before := bytes.Clone(first)
		m, err := Decode([][]byte{first, body})
		if !bytes.Equal(first, before) {
			t.Fatal("decoding changed the frame")
		}
		if err != nil {
			if m != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatalf("got %+v, %v", m, err)
			}
			return
		}
		ends := headerLength(first)
		var meta Meta
		if ends < HeaderSize || ends >= len(first) || meta.decode(first[ends:]) != nil || m.Meta != meta {
			t.Fatalf("header of %d bytes in a frame of %d, then %+v: got %+v", ends, len(first), meta, m)
		}
		if ends < 1<<16-8 {
			longer, err := Decode([][]byte{lengthen(first, []byte("\x00unknown")), body})
			if err != nil || !reflect.DeepEqual(m, longer) {
				t.Fatalf("%+v with a longer header is %+v, %v", m, longer, err)
			}
		}
		if len(m.Meta.ContentType)+len(m.Meta.Queue)+len(m.Meta.Worker)+len(m.Meta.Reason)+len(m.Meta.Target) > maxField {
			return // writing cuts; FuzzMeta looks after that
		}
		if (m.CheckBody() == nil) != (m.BodyChecksum == checksum(body)) {
			t.Fatalf("checksum %08x of %q: %v", m.BodyChecksum, body, m.CheckBody())
		}
		again, err := Decode(m.Frames())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

func checksum(body []byte) uint32 {
	var m Message
	m.SetBody(body)
	return m.BodyChecksum
}
