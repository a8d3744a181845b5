package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/templates/export"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the cluster down for nginx, HAProxy, Apache, Caddy, Kubernetes and others",
		ArgsUsage: "TARGET [-- CMD [ARG…]]",
		UsageText: `lbdev export TARGET [flags] [-- COMMAND [ARG…]]

lbdev export                                  what there is to export for
lbdev export nginx                            nginx.conf for the running cluster, or for what lbdev up would start
lbdev export nginx -o front                   into the folder "front", with the command to run it
lbdev export nginx --windows -o C:\nginx\conf in the shape for nginx for Windows
lbdev export nginx --fragment                 only the piece for an nginx that runs already
lbdev export haproxy -n 3 -- ./server         for a cluster with these settings
lbdev export kubernetes > shop.yaml           a Deployment, a Service and an Ingress`,
		Description: `Every line says what it does and which setting of lbdev's it comes from. What a program cannot do is said, and the nearest is
written. Secrets are not copied: of the environment only the names, and three stars in place of arguments that look like one.

Without flags of up and without COMMAND it asks the running cluster; if none runs, it reads lbdev.yaml as lbdev up does. A
cluster of another folder is asked only where there is no lbdev.yaml. The page docs/balancers.md
has lbdev's words beside those of the other programs.`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           exportFlags(),
		Action:          exportTarget,
	}
}

// exportFlags are its own, and those of up, which say what is exported.
func exportFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the files into folder `DIR`"},
		&cli.BoolFlag{Name: "force", Usage: "overwrite files that are there"},
		&cli.BoolFlag{Name: "fragment", Usage: "only the piece that a running nginx, HAProxy, Apache or Caddy includes"},
		&cli.BoolFlag{Name: "windows", Usage: "for the program under Windows: nginx, haproxy (default: on Windows)", Value: runtime.GOOS == "windows"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}
	for _, flag := range upFlags() {
		switch name := flag.Names()[0]; name {
		case "json", "prepare", "print-config", "front":
		case "dashboard", "pty", "watch", "log-dir", "access-log", "access-format", "metrics", "badge": // planUp asks for them
			flags = append(flags, hidden(flag))
		default:
			flags = append(flags, flag)
		}
	}
	return flags
}

// hidden is a flag that nobody is told of.
func hidden(flag cli.Flag) cli.Flag {
	switch f := flag.(type) {
	case *cli.StringFlag:
		f.Hidden = true
	case *cli.StringSliceFlag:
		f.Hidden = true
	case *cli.BoolFlag:
		f.Hidden = true
	}
	return flag
}

// writesOnly says whether a command starts nothing of what its flags describe.
func writesOnly(c *cli.Context) bool { return c.Command != nil && c.Command.Name == "export" }

// commandOf is the user's command in the arguments: that of export stands behind its target.
func commandOf(c *cli.Context) []string {
	argv := c.Args().Slice()
	if !writesOnly(c) {
		return argv
	}
	if i := slices.Index(argv, "--"); i >= 0 {
		return argv[i+1:]
	}
	return nil
}

// exportTarget is export: where the facts come from → what is written → where it goes.
func exportTarget(c *cli.Context) error {
	name := c.Args().First()
	switch {
	case name == "" || name == "--":
		return listTargets(c)
	case c.NArg() > 1 && c.Args().Get(1) != "--":
		return &commandError{
			code: exitUsage, err: fmt.Errorf("cannot understand %q: lbdev export takes one target", c.Args().Get(1)),
			hint: "a command comes after --, as in  lbdev export " + name + " -- " + commandLine(c.Args().Slice()[1:]),
		}
	case !slices.ContainsFunc(export.Targets(), func(t export.Target) bool { return t.Name == name }):
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot export for %q", name), hint: "there are " + strings.Join(targetNames(), ", ")}
	case c.IsSet("windows") && c.Bool("windows") && name != "nginx" && name != "haproxy":
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot export %s for Windows: it is the same there, or there is none", name), hint: "--windows is for nginx and haproxy"}
	}
	json := c.Bool("json") // that of lbdev.yaml is not meant for export
	facts, from, err := factsFor(c)
	if err != nil {
		return err
	}
	x := exported{Target: name, From: from, Warnings: []string{}, cluster: clusterFor(facts), options: export.Options{Windows: windowsFor(c, name)}, json: json}
	x.warn(facts)
	if x.files, err = export.Render(name, x.cluster, x.options); err != nil {
		return &commandError{code: exitFailed, err: err, hint: "lbdev export " + name + " with other settings, or another target: lbdev export"}
	}
	if err := x.choose(c.Bool("fragment")); err != nil {
		return err
	}
	if dir := c.String("out"); dir != "" {
		return x.write(c, dir, c.Bool("force"))
	}
	return x.print(c)
}

// windowsFor says whether the files are for the program under Windows.
func windowsFor(c *cli.Context, name string) bool {
	return c.Bool("windows") && (name == "nginx" || name == "haproxy")
}

func targetNames() []string {
	var names []string
	for _, t := range export.Targets() {
		names = append(names, t.Name)
	}
	return names
}

func targetCandidates() []candidate {
	var found []candidate
	for _, t := range export.Targets() {
		found = append(found, candidate{t.Name, t.About})
	}
	return found
}

// listTargets shows what there is.
func listTargets(c *cli.Context) error {
	if c.Bool("json") {
		type row struct {
			Name  string `json:"name"`
			Title string `json:"title"`
			About string `json:"about"`
		}
		rows := []row{}
		for _, t := range export.Targets() {
			rows = append(rows, row{t.Name, t.Title, t.About})
		}
		return printJSON(c, rows)
	}
	var b strings.Builder
	for _, t := range export.Targets() {
		fmt.Fprintf(&b, "%-11s %s\n", t.Name, t.About)
	}
	if err := printText(c, b.String()); err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, "lbdev export nginx   shows one,  -o DIR  writes its files")
	return nil
}

// An exported is what is printed or written.
type exported struct {
	Target   string       `json:"target"`
	From     string       `json:"from"`
	Files    []exportFile `json:"files"`
	Warnings []string     `json:"warnings"`
	Check    string       `json:"check,omitempty"` // commands, in the files' folder
	Run      string       `json:"run,omitempty"`

	json    bool
	files   []export.File
	cluster export.Cluster
	options export.Options
}

// An exportFile is one of its files: with its text where that is printed, with its path where it was written.
type exportFile struct {
	Name  string `json:"name"`
	Part  bool   `json:"part,omitempty"`
	Path  string `json:"path,omitempty"`
	State string `json:"state,omitempty"` // written, unchanged
	Text  string `json:"text,omitempty"`
}

// warn collects what people should know before they use it.
func (x *exported) warn(facts cluster.Export) {
	if x.cluster.DevServer != "" {
		x.Warnings = append(x.Warnings, x.cluster.DevServer)
	}
	if facts.Masked {
		x.Warnings = append(x.Warnings, "a secret in the command's arguments or in a path is not copied: *** stands in its place")
	}
	if facts.TLS && facts.TLSCert == "" {
		x.Warnings = append(x.Warnings, "lbdev's own certificate is not for other programs: cert.pem and key.pem stand for one that you bring")
	}
}

// choose leaves the pieces in, or nothing but them.
func (x *exported) choose(fragment bool) error {
	next := export.NextOf(x.Target, x.cluster, x.options)
	x.Check, x.Run = next.Check, next.Run
	if !fragment {
		return nil
	}
	x.Check, x.Run = "", ""
	x.files = slices.DeleteFunc(x.files, func(f export.File) bool { return !f.Part })
	if len(x.files) == 0 {
		return &commandError{code: exitUsage, err: fmt.Errorf("cannot write a piece for %s: there is none for these settings", x.Target), hint: "lbdev export " + x.Target}
	}
	return nil
}

// print writes to stdout: one file as it is, several with a line above each. A piece says the same as the whole, and is left out.
func (x *exported) print(c *cli.Context) error {
	if x.json {
		for _, f := range x.files {
			x.Files = append(x.Files, exportFile{Name: f.Name, Part: f.Part, Text: f.Text})
		}
		return printJSON(c, x)
	}
	shown := slices.DeleteFunc(slices.Clone(x.files), func(f export.File) bool { return f.Part })
	if len(shown) == 0 {
		shown = x.files
	}
	var b strings.Builder
	for i, f := range shown {
		if len(shown) > 1 {
			if i > 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "# ======== %s ========\n", f.Name)
		}
		b.WriteString(f.Text)
	}
	if err := printText(c, b.String()); err != nil {
		return err
	}
	x.talk(c)
	return nil
}

// talk says on stderr what was written down.
func (x *exported) talk(c *cli.Context) {
	fmt.Fprintf(c.App.ErrWriter, "lbdev: %s, from %s\n", x.Target, x.From)
	for _, w := range x.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "lbdev: warning: %s\n", w)
	}
}
