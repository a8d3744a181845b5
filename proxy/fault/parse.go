package fault

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// maxLatency is longer than anybody waits.
	maxLatency = time.Hour
	// maxRate is more than a connection within a machine carries.
	maxRate = int64(1e12)
)

// Examples has one of each kind, in the order in which Plan.String has them, with what it does.
var Examples = []struct{ Fault, About string }{
	{"latency=500ms±100ms", "requests reach it late"},
	{"errors=10%", "it answers with 500"},
	{"blackhole=5%", "it never answers"},
	{"reset=5%", "its connection is reset"},
	{"refuse=100%", "it takes no connection"},
	{"bandwidth=50kB/s", "its bytes pass slowly"},
}

// A SyntaxError says that a fault can't be read.
type SyntaxError struct {
	Word string // what was given
	Why  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("cannot use fault %q: %s", e.Word, e.Why) }

// Parse reads faults with spaces between them:
//
//	latency=500ms±100ms:20%   of 20 % of the requests; without a share, of all; +- is as good as ±
//	errors=10%  errors=503  errors=503:10%
//	blackhole=5%  reset=5%  refuse=100%
//	bandwidth=50kB/s  bandwidth=1MiB/s:20%
//
// Its errors are *SyntaxErrors.
func Parse(text string) (Plan, error) {
	var p Plan
	given := map[Kind]bool{}
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(word, "=")
		kind := Kind(name)
		why := ""
		switch {
		case !known(kind):
			why = "there are " + kinds()
		case given[kind]:
			why = "it is given twice"
		case !ok || value == "":
			why = "it needs a value, such as " + example(kind)
		default:
			why = p.set(kind, value)
		}
		if why != "" {
			return Plan{}, &SyntaxError{word, why}
		}
		given[kind] = true
	}
	sum := Share(0)
	for _, part := range p.ends() {
		sum += part.share
	}
	if sum > All {
		return Plan{}, &SyntaxError{p.String(), "errors, blackhole, reset and refuse are " + sum.String() + " of the requests together"}
	}
	return p, nil
}

func known(k Kind) bool { return example(k) != "" }

func example(k Kind) string {
	for _, e := range Examples {
		if strings.HasPrefix(e.Fault, string(k)+"=") {
			return e.Fault
		}
	}
	return ""
}

// kinds are those that there are, for people.
func kinds() string {
	var names []string
	for _, e := range Examples {
		name, _, _ := strings.Cut(e.Fault, "=")
		names = append(names, name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// set reads the value of one fault and says what is wrong with it.
func (p *Plan) set(kind Kind, value string) (why string) {
	first, rest, shared := strings.Cut(value, ":")
	share := All
	if shared {
		if share, why = parseShare(rest); why != "" {
			return why
		}
	}
	switch kind {
	case KindLatency:
		p.Latency.Share = share
		p.Latency.Mean, p.Latency.Jitter, why = parseLatency(first)
	case KindBandwidth:
		p.Bandwidth.Share = share
		p.Bandwidth.Rate, why = parseRate(first)
	case KindErrors:
		p.Errors, why = parseErrors(first, share, shared)
	case KindBlackhole:
		p.Blackhole, why = parseShare(value)
	case KindReset:
		p.Reset, why = parseShare(value)
	case KindRefuse:
		p.Refuse, why = parseShare(value)
	}
	return why
}

func parseErrors(first string, share Share, shared bool) (e Errors, why string) {
	if strings.HasSuffix(first, "%") && !shared {
		share, why = parseShare(first)
		return Errors{defaultStatus, share}, why
	}
	status, err := strconv.Atoi(first)
	if err != nil || len(first) != 3 || status < 400 || status > 599 {
		return e, "it takes a share of the requests, a status from 400 to 599, or both: errors=10%, errors=503, errors=503:10%"
	}
	return Errors{status, share}, ""
}

// parseLatency reads 500ms, 500ms±100ms or 500ms+-100ms.
func parseLatency(text string) (mean, jitter time.Duration, why string) {
	first, rest, jitters := strings.Cut(strings.Replace(text, "+-", "±", 1), "±")
	mean, err := time.ParseDuration(first)
	if err != nil || strings.HasPrefix(first, "+") {
		return 0, 0, "it takes a time, such as latency=500ms or latency=500ms±100ms"
	}
	if mean <= 0 || mean > maxLatency {
		return 0, 0, "the time must be above 0 and at most " + maxLatency.String()
	}
	if !jitters {
		return mean, 0, ""
	}
	jitter, err = time.ParseDuration(rest)
	if err != nil || jitter < 0 || jitter > mean || strings.HasPrefix(rest, "+") {
		return 0, 0, "what follows ± must be a time, and no longer than the one before it"
	}
	return mean, jitter, ""
}

// parseShare reads 10% or 0.5%.
func parseShare(text string) (s Share, why string) {
	const form = "a share of the requests is a number with %, above 0 and at most 100, such as 10% or 0.5%"
	number, ok := strings.CutSuffix(text, "%")
	whole, part, _ := strings.Cut(number, ".")
	if len(part) > 4 {
		return 0, "a share has at most four digits after the point"
	}
	n, err := strconv.ParseUint(whole+(part + "0000")[:4], 10, 32)
	if s = Share(n); !ok || err != nil || whole == "" || strings.HasSuffix(number, ".") || s == 0 || s > All {
		return 0, form
	}
	return s, ""
}

// parseRate reads 50kB/s. That "/s" may be missing; a unit must not, as it is mistaken too easily.
func parseRate(text string) (rate int64, why string) {
	text = strings.TrimSuffix(text, "/s")
	number := strings.TrimRight(text, "BGMKki")
	for _, u := range units {
		if u.name != text[len(number):] {
			continue
		}
		if strings.Trim(number, "0123456789.") != "" {
			break
		}
		n, err := strconv.ParseFloat(number, 64)
		if n *= float64(u.bytes); err != nil || n < 1 || n > float64(maxRate) {
			return 0, "the bandwidth must be 1B/s to " + rateText(maxRate)
		}
		return int64(math.Round(n)), ""
	}
	return 0, "it takes bytes a second, in B, kB, MB, GB, KiB, MiB or GiB: bandwidth=50kB/s"
}
