package main

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy/accesslog"
)

// A namesSource tells what there is to name. Neither method returns an error, or takes long: what can't be found out in time is
// not offered.
type namesSource interface {
	// workers are those of the cluster that is meant; an empty name means the one that a command without --name means.
	workers(name string) []cluster.WorkerSnapshot
	// clusters are the running clusters.
	clusters() []candidate
}

// flagValues are the values of flags, by long name, that are known beforehand.
var flagValues = map[string][]candidate{
	"upstream": {
		{string(cluster.UpstreamHTTP1), "HTTP/1.1"},
		{string(cluster.UpstreamH2C), "HTTP/2 without TLS, such as gRPC"},
	},
	"restart": {
		{string(cluster.RestartAlways), "after every exit"},
		{string(cluster.RestartOnFailure), "after every exit but one with code 0"},
		{string(cluster.RestartNever), "leave it down"},
	},
	"ready": {
		{string(cluster.ReadyHTTP), "an HTTP answer"},
		{string(cluster.ReadyTCP), "a port that accepts connections"},
	},
	"mode": {
		{string(cluster.ModeHTTP), "each request by itself"},
		{string(cluster.ModeTCP), "connections, whatever goes over them"},
	},
	"pty": {
		{"auto", "if lbdev has one itself"},
		{"on", "always"},
		{"off", "never"},
	},
	"prepare": {
		{"auto", "what builds the app"},
		{"all", "also what changes data, such as migrate"},
		{"off", "nothing"},
	},
	"front": {
		{ownFront, "the built-in balancer"},
		{"nginx", "the program that is installed here"},
		{"haproxy", "the same"},
		{"apache", "the same"},
		{"caddy", "the same"},
	},
	"policy": policyCandidates(),
	"sticky": {
		{"off", "each request for itself"},
		{"cookie", "by a cookie of lbdev's own"},
		{"route:JSESSIONID", "by the end of the app's session, as in 1A2B.w2"},
	},
	"access-format": {
		{accesslog.Common, "as servers have had it from the first"},
		{accesslog.Combined, "with referer and user agent, as Apache and nginx write it"},
		{accesslog.Text, "time, request, status, who was asked"},
		{jsonFormat, "an object a line, with each attempt"},
	},
	"stop-signal": signalCandidates(),
}

func signalCandidates() []candidate {
	names := []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"}
	if runtime.GOOS == "windows" {
		names = []string{"TERM", "INT", "KILL"}
	}
	var found []candidate
	for _, name := range names {
		found = append(found, candidate{name, "SIG" + name})
	}
	return found
}

// value completes the value of a flag: one that is known by the flag's name, else by the placeholder in its usage, such as
// `FILE`.
func (c completer) value(l *typedLine, f cli.Flag) offer {
	for _, name := range f.Names() {
		switch {
		case name == "name" && l.command != nil && wraps(l.command): // a cluster that is to be started; names of running ones are taken
			return offer{}
		case name == "name":
			return offer{candidates: c.look.clusters()}
		case name == "worker":
			return offer{candidates: c.workers(l)}
		case flagValues[name] != nil:
			return offer{candidates: slices.Clone(flagValues[name])}
		}
	}
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return offer{}
	}
	if parts := strings.Split(d.GetUsage(), "`"); len(parts) > 2 {
		return c.placeholder(l, parts[1])
	}
	return offer{}
}

// placeholder completes what a word in capitals stands for.
func (c completer) placeholder(l *typedLine, word string) offer {
	switch word {
	case "FILE":
		return offer{rule: ruleFiles}
	case "FOLDER", "DIR":
		return offer{rule: ruleFolders}
	case "WORKER":
		return offer{candidates: c.workers(l)}
	case "FAULT":
		return offer{candidates: faultCandidates()}
	case "POLICY":
		return offer{candidates: policyCandidates()}
	case "PRESET":
		return offer{candidates: presetCandidates()}
	case "TARGET":
		return offer{candidates: targetCandidates()}
	case "SNIPPET":
		return offer{candidates: snippetCandidates()}
	case "CLUSTER":
		return offer{candidates: c.look.clusters()}
	case "COMMAND":
		return l.userCommand()
	}
	return offer{}
}

// operand completes a word that is no flag by what ArgsUsage says of its place: WORKER…, COMMAND [ARG…], bash|zsh|fish. A
// command that takes none is offered its flags.
func (c completer) operand(l *typedLine) offer {
	if l.command.Name == "help" {
		if len(l.operands) > 0 {
			return offer{}
		}
		return offer{candidates: commandCandidates(c.app.Commands)}
	}
	if len(l.operands) == 0 && len(l.command.Subcommands) > 0 {
		return offer{candidates: commandCandidates(l.command.Subcommands)}
	}
	if wraps(l.command) || l.dashes && l.command.Name == "export" {
		return l.userCommand()
	}
	slots := l.slots()
	if len(slots) == 0 {
		if len(l.operands) > 0 || l.dashes {
			return offer{}
		}
		return offer{candidates: l.flagCandidates("--")}
	}
	at := len(l.operands)
	if at >= len(slots) {
		if at = len(slots) - 1; !slots[at].repeats {
			return offer{}
		}
	}
	return c.choices(l, slots[at])
}

// choices completes a word of which ArgsUsage lists what it can be. Where several can be given, none is offered twice.
func (c completer) choices(l *typedLine, s argSlot) offer {
	var a offer
	for _, choice := range s.choices {
		if choice == strings.ToUpper(choice) {
			more := c.placeholder(l, choice)
			a.candidates, a.rule = append(a.candidates, more.candidates...), more.rule
		} else if !(choice == "all" && len(l.operands) > 0) {
			a.candidates = append(a.candidates, candidate{value: choice})
		}
	}
	var once []candidate
	for _, c := range a.candidates {
		same := func(other candidate) bool { return other.value == c.value }
		if !slices.ContainsFunc(once, same) && !(s.repeats && slices.Contains(l.operands, c.value)) {
			once = append(once, c)
		}
	}
	a.candidates = once
	return a
}

// workers are the numbers and ports by which the workers of the running cluster can be named, and "all". A worker that was
// named already, by either, is not offered again, and nothing after "all".
func (c completer) workers(l *typedLine) []candidate {
	if slices.Contains(l.operands, "all") {
		return nil
	}
	workers := c.look.workers(l.cluster)
	workers = slices.DeleteFunc(workers, func(w cluster.WorkerSnapshot) bool {
		return slices.Contains(l.operands, strconv.Itoa(w.Worker)) || slices.Contains(l.operands, strconv.Itoa(w.Port))
	})
	var numbers, ports []candidate
	for _, w := range workers {
		number, port := strconv.Itoa(w.Worker), strconv.Itoa(w.Port)
		numbers = append(numbers, candidate{number, port + " " + string(w.State)})
		ports = append(ports, candidate{port, "worker " + number + " " + string(w.State)})
	}
	found := append(numbers, ports...)
	if len(workers) > 0 && len(l.operands) == 0 {
		found = append(found, candidate{"all", count(len(workers), "worker")})
	}
	return found
}

// An argSlot is a word of ArgsUsage.
type argSlot struct {
	choices []string // what is between its bars
	repeats bool     // it ends with …
}

// slots reads ArgsUsage, such as "[WORKER…|all]" or "bash|zsh".
func (l *typedLine) slots() []argSlot {
	var slots []argSlot
	for word := range strings.FieldsSeq(strings.ReplaceAll(l.command.ArgsUsage, "...", "…")) {
		if word == "…" && len(slots) > 0 {
			slots[len(slots)-1].repeats = true
			continue
		}
		s := argSlot{repeats: strings.Contains(word, "…")}
		for choice := range strings.SplitSeq(word, "|") {
			if choice = strings.Trim(choice, "[]()…"); strings.Trim(choice, "-") != "" {
				s.choices = append(s.choices, choice)
			}
		}
		if len(s.choices) > 0 {
			slots = append(slots, s)
		}
	}
	return slots
}
