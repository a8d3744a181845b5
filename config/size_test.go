package config

import "testing"

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "500000": 500000, "10B": 10, "10k": 10 << 10, "10kB": 10000, "10KB": 10000, "10KiB": 10 << 10, "3m": 3 << 20, "3MB": 3e6,
		"3MiB": 3 << 20, "2g": 2 << 30, "2GB": 2e9, "2GiB": 2 << 30, "": -1, "x": -1, "-1": -1, "+1": -1, "1.5MB": -1, "MB": -1, "1 MB": -1, "1TB": -1,
		"99999999999GiB": -1, "99999999999999999999": -1, "1e3": -1, "0x10": -1,
	} {
		got, err := ParseBytes(text)
		if (err != nil) != (want < 0) || err == nil && int64(got) != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
