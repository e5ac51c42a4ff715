package resolve_test

import (
	"slices"
	"testing"

	"faasd/internal/resolve"
)

func TestOnlyHostsWithNamesAreLookedUp(t *testing.T) {
	got := resolve.Hosts([]string{"tcp://brokers:8009", "tcp://127.0.0.1:8009", "tcp://[::1]:8009", "tcp://[fe80::1%eth0]:8009"},
		[]string{"tcp://brokers:8447", "ipc:///run/a", "inproc://b", "tcp://my_broker.internal:1"})
	if want := []string{"brokers", "my_broker.internal"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestANameStandsForAllItsAddresses(t *testing.T) {
	book := resolve.Book{"brokers": parse("10.0.0.2", "10.0.0.3", "fd00::2"), "also": parse("10.0.0.3")}
	got := book.Endpoints([]string{"tcp://10.0.0.3:8009", "tcp://brokers:8009", "tcp://unknown:8009", "tcp://also:8009", "ipc:///run/a"})
	want := []string{"tcp://10.0.0.3:8009", "tcp://10.0.0.2:8009", "tcp://[fd00::2]:8009", "ipc:///run/a"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAnAddressIsPairedWithItself(t *testing.T) {
	book := resolve.Book{
		"two": parse("10.0.0.2", "10.0.0.3"), "same": parse("10.0.0.2", "10.0.0.3"), "late": parse("10.0.0.3"), "one": parse("10.9.9.9"),
	}
	for _, c := range []struct {
		name          string
		first, second []string
		want          [][2]string
	}{
		{
			"addresses, by their places", []string{"tcp://10.0.0.2:1", "ipc:///a"}, []string{"tcp://10.0.0.3:2", "ipc:///b"},
			[][2]string{{"tcp://10.0.0.2:1", "tcp://10.0.0.3:2"}, {"ipc:///a", "ipc:///b"}},
		},
		{
			"one name", []string{"tcp://two:1"}, []string{"tcp://two:2"},
			[][2]string{{"tcp://10.0.0.2:1", "tcp://10.0.0.2:2"}, {"tcp://10.0.0.3:1", "tcp://10.0.0.3:2"}},
		},
		{
			"two names of the same", []string{"tcp://two:1"}, []string{"tcp://same:2"},
			[][2]string{{"tcp://10.0.0.2:1", "tcp://10.0.0.2:2"}, {"tcp://10.0.0.3:1", "tcp://10.0.0.3:2"}},
		},
		{"one that only one of them knows", []string{"tcp://two:1"}, []string{"tcp://late:2"}, [][2]string{{"tcp://10.0.0.3:1", "tcp://10.0.0.3:2"}}},
		{"two names with an address each", []string{"tcp://late:1"}, []string{"tcp://one:2"}, [][2]string{{"tcp://10.0.0.3:1", "tcp://10.9.9.9:2"}}},
		{"a name with several and another address", []string{"tcp://two:1"}, []string{"tcp://10.9.9.9:2"}, nil},
		{"nothing known", []string{"tcp://unknown:1"}, []string{"tcp://unknown:2"}, nil},
		{"twice the same", []string{"tcp://late:1", "tcp://10.0.0.3:1"}, []string{"tcp://late:2", "tcp://10.0.0.3:2"}, [][2]string{{"tcp://10.0.0.3:1", "tcp://10.0.0.3:2"}}},
	} {
		if got := book.Pairs(c.first, c.second); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
