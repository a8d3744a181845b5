package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/lbdev/lbdev/cluster"
)

// The exit codes that scripts rely on. 128 plus a signal's number is added to them, as shells do it.
const (
	exitDone          = 0
	exitFailed        = 1
	exitUsage         = 2
	exitConfig        = 3
	exitPortTaken     = 4
	exitNeverReady    = 5
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128
)

// A commandError is an error with the exit code that it means and what the user can do. An err of nil says nothing more:
// what is to be said was said.
type commandError struct {
	code int
	err  error
	hint string
	flag string // the flag of up that it is about, if it is about one
}

func (e *commandError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *commandError) Unwrap() error { return e.err }

// exitCode is the exit code that an error means.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*commandError](err); ok {
		return e.code
	}
	return exitFailed
}

// explain says what went wrong and then what to do, so that the most useful line is the last one.
func explain(stderr io.Writer, err error) {
	e, ok := errors.AsType[*commandError](err)
	switch {
	case err == nil, ok && e.err == nil:
		return
	case !ok:
		e = &commandError{err: err}
	}
	ellipsis := asciiSigns.ellipsis
	if speaksUTF8() {
		ellipsis = unicodeSigns.ellipsis
	}
	for line := range strings.SplitSeq(e.err.Error(), "\n") {
		fmt.Fprintf(stderr, "lbdev: %s\n", line)
	}
	if e.hint != "" {
		fmt.Fprintf(stderr, "lbdev: hint: %s\n", strings.ReplaceAll(e.hint, unicodeSigns.ellipsis, ellipsis))
	}
}

// advise turns an error of New or Open into one with an exit code and a hint.
func advise(err error, command []string) error {
	if _, ok := errors.AsType[*commandError](err); ok || err == nil {
		return err
	}
	if taken, ok := errors.AsType[*cluster.PortTakenError](err); ok {
		return &commandError{code: exitPortTaken, err: err, hint: portHint(taken)}
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &commandError{code: exitNotFound, err: err, hint: notFoundHint(command)}
	case errors.Is(err, cluster.ErrPrivileged):
		return &commandError{code: exitFailed, err: err, hint: "take a port from 1024 up, for example  lbdev up --listen 8080 …  , or run lbdev as root"}
	case isFrontError(err):
		return &commandError{code: exitFailed, err: err, hint: "name an address of this machine, or a path in a folder that is there and yours:  lbdev up -l 8080 -l unix:/tmp/app.sock …"}
	case errors.Is(err, fs.ErrPermission):
		return &commandError{code: exitNotExecutable, err: err, hint: permissionHint(command)}
	}
	if field, ok := errors.AsType[*cluster.FieldError](err); ok {
		hint := fieldHint(field.Field)
		if _, ok := errors.AsType[*cluster.FrontLimitError](err); ok {
			hint = "leave --" + fieldFlag(field.Field) + " off, or --front: lbdev itself can do it"
		}
		if mode, ok := errors.AsType[*cluster.ModeError](err); ok {
			hint = cmp.Or(mode.Hint, "leave --"+fieldFlag(field.Field)+" off, or --mode tcp")
		}
		return &commandError{code: exitUsage, err: err, hint: hint, flag: fieldFlag(field.Field)}
	}
	return &commandError{code: exitFailed, err: err}
}

func isFrontError(err error) bool {
	_, ok := errors.AsType[*cluster.FrontError](err)
	return ok
}

func portHint(e *cluster.PortTakenError) string {
	stop := "stop the program that holds it"
	if e.Holder.PID != 0 {
		stop = fmt.Sprintf("stop it with  kill %d ", e.Holder.PID)
	}
	switch {
	case e.What != "": // its flag has the same name
		return stop + ", or choose another address:  lbdev up --" + e.What + " 9090 …"
	case e.Worker == 0:
		return stop + ", or choose another front:  lbdev up --listen 9080 …"
	}
	return stop + ", or choose other ports:  lbdev up --base-port 9000 …"
}

func notFoundHint(command []string) string {
	program := command[0]
	if program == "python" {
		return "there may be a python3: try it with that name, or activate the project's virtual environment first"
	}
	if strings.Contains(program, " ") {
		return "the command is not run by a shell: leave the quotes off, each word an argument of its own:  lbdev up -- " + program
	}
	if strings.ContainsAny(program, `/\`) {
		return "look for it with  ls"
	}
	for _, dir := range []string{".venv/bin", "venv/bin", `.venv\Scripts`, "node_modules/.bin"} {
		if found, err := exec.LookPath("." + string(os.PathSeparator) + filepath.Join(dir, program)); err == nil {
			return "it is in the project's own environment:  lbdev up -- " + found + " …"
		}
	}
	return fmt.Sprintf("is %s installed, and its folder in PATH? A program in this folder is written  ./%s", program, program)
}

func permissionHint(command []string) string {
	return fmt.Sprintf("it is a file that may not be executed:  chmod +x %s , or name its interpreter before it", command[0])
}

// fieldFlag is the flag that sets a field of cluster.Config: BasePort is base-port.
func fieldFlag(field string) string {
	switch field {
	case "EjectAfter":
		return "eject-5xx"
	case "Trusted":
		return "trusted-proxies"
	}
	var flag strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			flag.WriteByte('-')
		}
		flag.WriteRune(unicode.ToLower(r))
	}
	return flag.String()
}

// fieldHint names the flag that sets a field of cluster.Config.
func fieldHint(field string) string {
	examples := map[string]string{
		"Command":      "lbdev up -- python manage.py runserver   or try  lbdev up --sample",
		"Workers":      fmt.Sprintf("lbdev up -n 4 …  (1 to %d)", cluster.MaxWorkers),
		"BasePort":     "lbdev up --base-port 8000 …",
		"Listen":       "lbdev up --listen 127.0.0.1:8080 …   or only the port:  --listen 8080",
		"Mode":         "lbdev up --mode tcp …",
		"MoreListen":   "lbdev up -l 8080 -l unix:/tmp/app.sock …",
		"Redirect":     "lbdev up --tls --listen 8443 --redirect 8080 …",
		"Upstream":     "lbdev up --upstream h2c …",
		"MaxBody":      "lbdev up --max-body 10MB …",
		"MaxConns":     "lbdev up --max-conns 1000 …",
		"Restart":      "lbdev up --restart on-failure …",
		"Ready":        "lbdev up --ready tcp …",
		"ReadyPath":    "lbdev up --ready-path /healthz …",
		"ReadyTimeout": "lbdev up --ready-timeout 60s …",
		"Policy":       "lbdev policy --help  says what each does",
		"Weight":       "lbdev up --weight 2=3 …",
		"Backup":       "lbdev up --backup 4 …",
		"SlowStart":    "lbdev up --slow-start 10s …",
		"Sticky":       "lbdev up --sticky cookie …",
		"Env":          "lbdev up -e NAME=VALUE …   ; every worker has its own PORT already, {port} stands for it",
	}
	if hint := failoverHints[field]; hint != "" {
		return hint
	}
	return examples[field]
}
