package export

import (
	"fmt"
	"strings"
)

// learnSupervisor: systemd and Procfiles run workers and balance nothing.
func (v *view) learnSupervisor(target string) {
	v.Lacks = nil
	if (target == "procfile" || v.counts()) && strings.Contains(strings.Join(v.Command, " "), "\n") {
		v.lack("an argument of several lines", "the command must be one", "spaces in place of line breaks")
	}
	for i, w := range v.Workers {
		if w.Port != v.Workers[0].Port+i {
			v.note("the ports are not in a row; {worker} is counted as if they were")
			break
		}
	}
}

// counts says whether the command has its worker's number in it, which must be counted from the port.
func (v *view) counts() bool {
	all := strings.Join(v.Command, " ")
	return strings.Contains(all, "{worker}") || strings.Contains(all, "%worker%")
}

func writeSystemd(v *view) []File {
	return []File{{Name: v.ID + "@.service", Text: v.execute("systemd.unit")}, {Name: v.ID + ".target", Text: v.execute("systemd.target")}}
}

func writeProcfile(v *view) []File {
	return []File{{Name: "Procfile", Text: v.execute("procfile.main")}}
}

// SystemdName is the name where systemd would replace what follows a %.
func (v *view) SystemdName() string { return strings.ReplaceAll(v.Name, "%", "%%") }

// SystemdDir is the folder.
func (v *view) SystemdDir() string { return strings.ReplaceAll(v.Dir, "%", "%%") }

// NextPort is the first that no worker has.
func (v *view) NextPort() int {
	next := 0
	for _, w := range v.Workers {
		next = max(next, w.Port+1)
	}
	return next
}

// SystemdExec is the command with %i for the port. A worker's number must be counted, which only a shell can.
func (v *view) SystemdExec() string {
	argv := append([]string(nil), v.Command...)
	if v.Program != "" {
		argv[0] = v.Program
	}
	if !v.counts() {
		words := make([]string, len(argv))
		for i, arg := range argv {
			words[i] = systemdWord(arg, func(name string) string {
				return map[string]string{"port": "%i", "host": "127.0.0.1", "front": v.URL, "socket": "/run/" + v.ID + "/%i.sock"}[name]
			})
		}
		return strings.Join(words, " ")
	}
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = v.shellWord(arg, "%i", "/run/"+v.ID+"/%i.sock")
	}
	script := strings.NewReplacer("%%i", "%i").Replace(strings.ReplaceAll("exec "+strings.Join(words, " "), "%", "%%"))
	return "/bin/sh -c " + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", "$$").Replace(script) + `"`
}

// systemdWord is an argument in ExecStart, in which %, $, quotes and backslashes mean something.
func systemdWord(arg string, value func(string) string) string {
	arg = strings.NewReplacer("$", "$$", `\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(arg)
	// A % that begins a placeholder is one of lbdev's; all others are the program's.
	arg = placeEscaping(arg, value, func(text string) string { return strings.ReplaceAll(text, "%", "%%") })
	if arg == "" || strings.ContainsAny(arg, ` '";`) {
		return `"` + arg + `"`
	}
	return arg
}

// ProcfileCommand is the command for a shell that knows $PORT.
func (v *view) ProcfileCommand() string {
	words := make([]string, len(v.Command))
	for i, arg := range v.Command {
		words[i] = v.shellWord(arg, "$PORT", "/tmp/"+v.ID+"-$PORT.sock")
	}
	return strings.Join(words, " ")
}

// shellWord is an argument as a shell's word, with the port's variable in it.
func (v *view) shellWord(arg, port, socket string) string {
	value := func(name string) string {
		worker := fmt.Sprintf("$((%s - %d))", port, v.Workers[0].Port-v.Workers[0].Number)
		return `"` + map[string]string{"port": port, "host": "127.0.0.1", "front": v.URL, "socket": socket, "worker": worker}[name] + `"`
	}
	word := placeEscaping(oneLine(arg), value, shellQuote)
	if word == "" {
		return "''"
	}
	return word
}

// shellQuote makes text a part of a shell's word.
func shellQuote(text string) string {
	if text == "" || !strings.ContainsAny(text, " \t\n\"'\\$&|;<>()*?#~`[]{}!^") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// placeholders are those of a command, in both spellings.
var placeholders = []string{"port", "socket", "worker", "host", "front"}

// place replaces placeholders.
func place(arg string, value func(string) string) string {
	return placeEscaping(arg, value, func(text string) string { return text })
}

// placeEscaping replaces placeholders, and escapes what is between them.
func placeEscaping(arg string, value, escape func(string) string) string {
	var b strings.Builder
	for arg != "" {
		at, name, length := len(arg), "", 0
		for _, p := range placeholders {
			for _, spelt := range []string{"{" + p + "}", "%" + p + "%"} {
				if i := strings.Index(arg, spelt); i >= 0 && i < at {
					at, name, length = i, p, len(spelt)
				}
			}
		}
		b.WriteString(escape(arg[:at]))
		if name == "" {
			break
		}
		b.WriteString(value(name))
		arg = arg[at+length:]
	}
	return b.String()
}
