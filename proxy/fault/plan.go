package fault

import (
	"strconv"
	"strings"
	"time"
)

// A Plan is what is wrong with a worker, and with which part of its requests. The zero value is nothing. Latency and
// bandwidth are drawn each by itself; of the others a request meets one at most, so that their shares add up.
type Plan struct {
	Latency   Latency   // the request reaches the worker late
	Errors    Errors    // the worker answers with an error
	Blackhole Share     // the worker takes the request and never answers
	Reset     Share     // the worker takes the request and its connection is reset
	Refuse    Share     // nobody takes the connection
	Bandwidth Bandwidth // requests and answers pass slowly
}

// Latency is a delay of Mean, give or take up to Jitter, each value as likely as the others.
type Latency struct {
	Mean, Jitter time.Duration
	Share        Share
}

// Errors are answers with a status of 400 to 599.
type Errors struct {
	Status int
	Share  Share
}

// Bandwidth is how many bytes a second pass each way; all requests of the worker that meet it share it.
type Bandwidth struct {
	Rate  int64
	Share Share
}

// A Share is a part of the requests, in millionths.
type Share int64

const (
	percent Share = 10_000
	// All is every request.
	All = 100 * percent
)

// A Kind names a fault, as people write it.
type Kind string

// The kinds of faults.
const (
	KindLatency   Kind = "latency"
	KindErrors    Kind = "errors"
	KindBlackhole Kind = "blackhole"
	KindReset     Kind = "reset"
	KindRefuse    Kind = "refuse"
	KindBandwidth Kind = "bandwidth"
)

// defaultStatus is what an app answers with that has a bug.
const defaultStatus = 500

// String is the plan as Parse reads it: latency=500ms±100ms:20% errors=10%. The zero Plan is an empty string.
func (p Plan) String() string {
	var words []string
	add := func(k Kind, values ...string) { words = append(words, string(k)+"="+strings.Join(values, ":")) }
	if l := p.Latency; l.Share > 0 {
		text := l.Mean.String()
		if l.Jitter > 0 {
			text += "±" + l.Jitter.String()
		}
		add(KindLatency, l.Share.unlessAll(text)...)
	}
	if e := p.Errors; e.Share > 0 && e.Status == defaultStatus {
		add(KindErrors, e.Share.String())
	} else if e.Share > 0 {
		add(KindErrors, e.Share.unlessAll(strconv.Itoa(e.Status))...)
	}
	for _, part := range p.ends()[1:] {
		if part.share > 0 {
			add(part.kind, part.share.String())
		}
	}
	if b := p.Bandwidth; b.Share > 0 {
		add(KindBandwidth, b.Share.unlessAll(rateText(b.Rate))...)
	}
	return strings.Join(words, " ")
}

// A part is how many requests meet a fault.
type part struct {
	kind  Kind
	share Share
}

// ends are the faults of which a request meets one at most: they say how it ends.
func (p *Plan) ends() []part {
	return []part{{KindErrors, p.Errors.Share}, {KindBlackhole, p.Blackhole}, {KindReset, p.Reset}, {KindRefuse, p.Refuse}}
}

// unlessAll is a value with its share, which goes without saying if it is every request.
func (s Share) unlessAll(value string) []string {
	if s == All {
		return []string{value}
	}
	return []string{value, s.String()}
}

// String is the share in percent: 12.5%.
func (s Share) String() string {
	text := strconv.FormatInt(int64(s/percent), 10)
	if rest := int64(s % percent); rest > 0 {
		text += "." + strings.TrimRight(strconv.FormatInt(int64(percent)+rest, 10)[1:], "0")
	}
	return text + "%"
}

// A unit of data.
type unit struct {
	name  string
	bytes int64
}

// units are those that Parse reads. String uses the first that leaves a whole number.
var units = []unit{
	{"GB", 1e9}, {"GiB", 1 << 30}, {"MB", 1e6}, {"MiB", 1 << 20}, {"kB", 1e3}, {"KiB", 1 << 10}, {"B", 1},
	{"KB", 1e3}, // only read: people write it
}

func rateText(rate int64) string {
	for _, u := range units {
		if rate%u.bytes == 0 {
			return strconv.FormatInt(rate/u.bytes, 10) + u.name + "/s"
		}
	}
	return "" // one byte divides every rate
}
