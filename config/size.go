package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sizeUnits are what a size may end with.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20}, {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30}, {"B", 1}, {"", 1},
}

// ParseBytes reads a size: 500000, 10MB, 1GiB, and 10m as nginx has it.
func ParseBytes(text string) (Bytes, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 53)
		if err != nil || int64(n) > 1<<53/u.bytes {
			break
		}
		return Bytes(int64(n) * u.bytes), nil
	}
	return 0, fmt.Errorf("cannot use size %q: it must be bytes, such as 500000, 10MB or 1GiB", text)
}

var sizeWords = regexp.MustCompile(`(?i)^([0-9]+) *([kmg]?)(i?)(b|byte|bytes)?$`)

// sizeFor is what a text means, if it is near to a size.
func sizeFor(text string) string {
	found := sizeWords.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return "such as 500000, 10MB or 1GiB"
	}
	unit := strings.ToUpper(found[2])
	if unit != "" {
		unit += strings.ToLower(found[3]) + "B"
	}
	if _, err := ParseBytes(found[1] + unit); err != nil {
		return "such as 500000, 10MB or 1GiB"
	}
	return found[1] + unit + " ?"
}
