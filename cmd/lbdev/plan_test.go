package main

import (
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// planOf is what up would do with a command.
func planOf(t *testing.T, argv ...string) (p *plan) {
	t.Helper()
	app := &cli.App{Commands: []*cli.Command{upCommand()}, Writer: io.Discard, ErrWriter: io.Discard}
	app.Commands[0].Action = func(c *cli.Context) (err error) {
		p, err = planUp(c)
		return err
	}
	if err := app.Run(append([]string{"lbdev", "up", "--"}, argv...)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPassPort(t *testing.T) {
	t.Chdir(t.TempDir())
	for in, want := range map[string]string{
		"python manage.py runserver":                                     "python manage.py runserver 127.0.0.1:{port} --noreload",
		"python manage.py runserver 8000":                                "python manage.py runserver 127.0.0.1:{port} --noreload",
		"python manage.py runserver localhost:8000 -v 2":                 "python manage.py runserver 127.0.0.1:{port} -v 2 --noreload",
		"python manage.py runserver --noreload":                          "python manage.py runserver 127.0.0.1:{port} --noreload",
		"./manage.py runserver":                                          "./manage.py runserver 127.0.0.1:{port} --noreload",
		"python manage.py runserver {port}":                              "python manage.py runserver {port}",
		"python manage.py runserver 0.0.0.0:%port%":                      "python manage.py runserver 0.0.0.0:%port%",
		"python manage.py migrate":                                       "python manage.py migrate",
		"flask --app shop run":                                           "flask --app shop run --port {port} --no-reload",
		"uvicorn main:app":                                               "uvicorn --port {port} main:app",
		"python3 -m uvicorn main:app":                                    "python3 -m uvicorn --port {port} main:app",
		"python3 -m http.server":                                         "python3 -m http.server {port} --bind 127.0.0.1",
		"python3 -m http.server 8000":                                    "python3 -m http.server {port} --bind 127.0.0.1",
		"python manage.py runserver -v 2":                                "python manage.py runserver 127.0.0.1:{port} -v 2 --noreload",
		"python -W ignore manage.py runserver --settings=x 0.0.0.0:8000": "python -W ignore manage.py runserver --settings=x 0.0.0.0:8000",
		"python manage.py --settings=x runserver --nostatic 8000":        "python manage.py --settings=x runserver 127.0.0.1:{port} --nostatic --noreload",
		"flask run --port 5000":                                          "flask run --port {port} --no-reload",
		"flask run -p 5000 --debug":                                      "flask run --port {port} --debug --no-reload",
		"uvicorn main:app --port=9000 --reload":                          "uvicorn --port {port} main:app",
		"python3 -m http.server -d /srv 8000":                            "python3 -m http.server {port} --bind 127.0.0.1 -d /srv",
		"echo uvicorn":                                                   "echo uvicorn",
		"node server.js":                                                 "node server.js",
	} {
		p := planOf(t, strings.Fields(in)...)
		if got := strings.Join(p.config.Command, " "); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
		if changed := want != in; changed && p.passing == "" {
			t.Errorf("%q was changed and nothing was said", in)
		}
	}
}

func TestParseListen(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080", "0.0.0.0:80": "0.0.0.0:80", "localhost:81": "127.0.0.1:81",
		"[::1]:8080": "[::1]:8080", "http://127.0.0.1:8080/": "127.0.0.1:8080",
	} {
		if got, err := parseListen(in); got != want || err != nil {
			t.Errorf("parseListen(%q) is %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"x", "0", "65536", "-1", "1.2.3.4", "example.com:80", "::1:80", "127.0.0.1:"} {
		if got, err := parseListen(in); err == nil {
			t.Errorf("parseListen(%q) is %q without an error", in, got)
		}
	}
}

func TestCommandLineCanBeTyped(t *testing.T) {
	got := commandLine([]string{"sh", "-c", "echo it's $PORT", ""})
	if want := `sh -c 'echo it'\''s $PORT' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
