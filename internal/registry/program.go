package registry

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"path"
	"slices"
	"strings"
)

const (
	headSize  = 512 // bytes that tell what a file is
	elfMagic  = elf.ELFMAG
	wasmMagic = "\x00asm"
)

// form is what the beginning of a file makes of it.
type form int

const (
	formNone   form = iota // no program
	formELF                // for Linux
	formScript             // begins with #!
	formWasm
	formForeign // a program for another system
)

// architectures are Go's names of those that ELF programs say, and of the bytes
// that numbers have there.
var architectures = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
	elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_PPC64: "ppc64le", elf.EM_LOONGARCH: "loong64",
}

// elder are the architectures whose programs another one runs too.
var elder = map[string]string{"amd64": "386", "arm64": "arm"}

// foreignMagics begin the programs of other systems.
var foreignMagics = []struct{ magic, system string }{
	{"\xcf\xfa\xed\xfe", "macOS"}, {"\xfe\xed\xfa\xcf", "macOS"}, {"\xca\xfe\xba\xbe", "macOS or Java"}, {"MZ", "Windows"},
}

// program is what is known of a file that might be run.
type program struct {
	*entry
	form   form
	system string // of a foreign one, "" for Linux
	arch   string // of an ELF, as Go names it
	head   []byte
}

// inspect reads what a file is.
func inspect(e *entry) (program, error) {
	p := program{entry: e}
	r, err := e.open()
	if err != nil {
		return p, err
	}
	defer r.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return p, err
	}
	p.head = head[:n]
	switch {
	case bytes.HasPrefix(p.head, []byte("#!")):
		p.form = formScript
	case bytes.HasPrefix(p.head, []byte(wasmMagic)):
		p.form = formWasm
	case bytes.HasPrefix(p.head, []byte(elfMagic)):
		p.form = formELF
		p.arch = elfArchitecture(p.head)
	default:
		for _, f := range foreignMagics {
			if bytes.HasPrefix(p.head, []byte(f.magic)) {
				p.form, p.system = formForeign, f.system
			}
		}
	}
	return p, nil
}

// elfArchitecture reads e_machine of an ELF header (elf(5)).
func elfArchitecture(head []byte) string {
	const atMachine = 18
	if len(head) < atMachine+2 {
		return "no"
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	machine := elf.Machine(order.Uint16(head[atMachine:]))
	if name, ok := architectures[machine]; ok {
		return name
	}
	return strings.ToLower(strings.TrimPrefix(machine.String(), "EM_"))
}

// shared reports whether the file is a library rather than a program.
func (p *program) shared() bool {
	base := path.Base(p.name)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")
}

// runnable refuses a program that could not be started on Linux on the
// architecture; "" is any.
func (p *program) runnable(arch string) error {
	switch p.form {
	case formForeign:
		return badPackage("%s is a program for %s: build it for Linux, with Go by GOOS=linux", p.name, p.system)
	case formWasm:
		return badPackage("%s is a WebAssembly module: deploy it as kind wasm", p.name)
	case formNone:
		return badPackage("%s is neither a program nor a script that begins with #!: build it, or begin it with a line such as #!/bin/sh", p.name)
	case formELF:
		if arch != "" && p.arch != arch && p.arch != elder[arch] {
			return badPackage("%s is built for %s, and this worker is %s: build it for that, with Go by GOARCH=%s", p.name, p.arch, arch, arch)
		}
	case formScript:
		line, _, _ := bytes.Cut(p.head, []byte("\n"))
		if bytes.HasSuffix(line, []byte("\r")) {
			return badPackage("the lines of %s end in CR LF, so that Linux looks for an interpreter with CR in its name: save it with LF", p.name)
		}
	}
	if !p.executable() {
		return badPackage("%s is not executable: chmod +x %s and pack it again, or deploy it with faasctl, which does so", p.name, p.name)
	}
	return nil
}

// isModule refuses what is no core WebAssembly module.
func (p *program) isModule() error {
	const version, component = "\x01\x00\x00\x00", "\x0d\x00\x01\x00"
	behind := bytes.TrimPrefix(p.head, []byte(wasmMagic))
	switch {
	case p.form != formWasm:
		return badPackage("%s is no WebAssembly module: build one, with Go by GOOS=wasip1 GOARCH=wasm", p.name)
	case bytes.HasPrefix(behind, []byte(component)):
		return badPackage("%s is a WebAssembly component: build a module for WASI preview 1, with Rust by --target wasm32-wasip1", p.name)
	case !bytes.HasPrefix(behind, []byte(version)):
		return badPackage("%s is not a whole WebAssembly module of version 1: build it again", p.name)
	}
	return nil
}

// runtimeVariable is what every program that speaks the Runtime API reads.
const runtimeVariable = "AWS_LAMBDA_RUNTIME_API"

// speaksRuntime reports whether the file's bytes have the variable's name.
func (e *entry) speaksRuntime() (bool, error) {
	r, err := e.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	window := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, window[len(window):cap(window)])
		window = window[:len(window)+n]
		if bytes.Contains(window, []byte(runtimeVariable)) {
			return true, nil
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return false, nil
		case err != nil:
			return false, err
		}
		kept := window[len(window)-len(runtimeVariable):]
		window = append(window[:0], kept...)
	}
}

// Check refuses a package that the manifest cannot run on workers of the
// architecture, as Go names it; "" is any. Errors wrap ErrPackage.
func (a *Archive) Check(m Manifest, arch string) error {
	name, ok := m.File()
	if !ok {
		return nil // found, or not, where it runs
	}
	e := a.follow(name)
	switch {
	case e == nil && a.inFolder(name) != "":
		return badPackage("%s is in the folder %s, and wanted at the top: deploy that folder", name, a.inFolder(name))
	case e == nil:
		return badPackage("its command %s is not in it: there are %s", m.Command[0], a.listed())
	case !e.mode.IsRegular():
		return badPackage("its command %s is a folder: name a file", m.Command[0])
	}
	p, err := inspect(e)
	if err != nil {
		return err
	}
	if m.Kind == KindWasm {
		return p.isModule()
	}
	return p.runnable(arch)
}

// inFolder returns the folder at the top that has a file of that name.
func (a *Archive) inFolder(name string) string {
	i := slices.IndexFunc(a.entries, func(e entry) bool {
		return e.mode.IsRegular() && strings.HasSuffix(e.name, "/"+name) && strings.Count(e.name, "/") == strings.Count(name, "/")+1
	})
	if i < 0 {
		return ""
	}
	folder, _, _ := strings.Cut(a.entries[i].name, "/")
	return folder
}

// listed names what is at the top, shortened.
func (a *Archive) listed() string {
	const most = 6
	var names []string
	for _, e := range a.entries {
		top, _, inside := strings.Cut(e.name, "/")
		if inside || e.mode.IsDir() {
			top += "/"
		}
		if !slices.Contains(names, top) {
			names = append(names, top)
		}
		if len(names) > most {
			names[most] = "…"
			break
		}
	}
	if len(names) == 0 {
		return "no files at all"
	}
	return strings.Join(names, ", ")
}
