package sim

import (
	"reflect"
	"strings"
)

// Footprint counts what a machine holds: for every map, slice and list that can
// be reached from it, by the way there, the number of elements. Bytes and the
// effects in the outbox are not counted.
func Footprint(machine any) map[string]int {
	f := footprint{counts: make(map[string]int), seen: make(map[visit]bool)}
	v := reflect.ValueOf(machine)
	f.walk("", v)
	return f.counts
}

type footprint struct {
	counts map[string]int
	seen   map[visit]bool
}

type visit struct {
	t reflect.Type
	p uintptr
}

func (f *footprint) count(way string, n int) {
	if n > 0 {
		f.counts[way] += n
	}
}

func (f *footprint) walk(way string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		here := visit{v.Type(), v.Pointer()}
		if v.IsNil() || f.seen[here] {
			return
		}
		f.seen[here] = true
		f.walk(way, v.Elem())
	case reflect.Struct:
		f.walkStruct(way, v)
	case reflect.Map:
		f.count(way, v.Len())
		for i := v.MapRange(); i.Next(); {
			f.walk(way+"[]", i.Value())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		f.count(way, v.Len())
		for i := range v.Len() {
			f.walk(way+"[]", v.Index(i))
		}
	}
}

func (f *footprint) walkStruct(way string, v reflect.Value) {
	t := v.Type()
	if t.String() == "list.List" {
		f.count(way, int(v.FieldByName("len").Int()))
		return
	}
	if !strings.HasPrefix(t.PkgPath(), "faasd/") && t.PkgPath() != "" || t.String() == "role.Outbox" {
		return
	}
	for i := range v.NumField() {
		f.walk(way+"."+t.Field(i).Name, v.Field(i))
	}
}
