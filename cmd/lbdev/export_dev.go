package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// devServers are servers that their makers mean for development only: the words that name one, in this order in a command, and
// what is said.
var devServers = []struct {
	words []string
	said  string
}{
	{[]string{"manage.py", "runserver"}, "Django's runserver is meant for development, it is neither fast nor safe; in its place: gunicorn PROJECT.wsgi --bind 127.0.0.1:{port}"},
	{[]string{"flask", "run"}, "flask run is meant for development; in its place: gunicorn app:app --bind 127.0.0.1:{port}"},
	{[]string{"php", "-S"}, "php -S serves one request at a time and is meant for development; in its place: php-fpm"},
	{[]string{"artisan", "serve"}, "artisan serve is meant for development; in its place: php-fpm"},
	{[]string{"http.server"}, "Python's http.server has no security checks to speak of; the balancer itself can serve files"},
	{[]string{"next", "dev"}, "next dev is meant for development; in its place: next build, then next start -p {port}"},
	{[]string{"nuxt", "dev"}, "nuxt dev is meant for development; in its place: nuxt build, then node .output/server/index.mjs"},
	{[]string{"vite", "preview"}, "vite preview is meant for a look at the build; the balancer itself can serve the files in dist"},
	{[]string{"vite"}, "vite is meant for development; vite build makes files that the balancer itself can serve"},
	{[]string{"astro", "dev"}, "astro dev is meant for development; in its place: astro build"},
	{[]string{"uvicorn", "--reload"}, "uvicorn --reload is meant for development; leave --reload off"},
	{[]string{"fastapi", "dev"}, "fastapi dev is meant for development; in its place: fastapi run --port {port}"},
	{[]string{"go", "run"}, "go run compiles at each start; in its place: go build, and the program that it makes"},
	{[]string{"dotnet", "run"}, "dotnet run builds at each start; in its place: dotnet publish, and the program that it makes"},
	{[]string{"mix", "phx.server"}, "mix phx.server is meant for development; in its place: mix release"},
	{[]string{"rackup"}, "rackup is meant for development; in its place: puma -b tcp://127.0.0.1:{port}"},
	{[]string{"rails", "server"}, "rails server runs in development mode unless RAILS_ENV=production is set"},
	{[]string{"rails", "s"}, "rails server runs in development mode unless RAILS_ENV=production is set"},
}

// devServer says why a command is not meant for production; empty = it is, or nobody knows.
func devServer(command []string) string {
	for _, d := range devServers {
		at := 0
		for _, word := range d.words {
			i := slices.IndexFunc(command[at:], func(arg string) bool {
				return strings.TrimSuffix(filepath.Base(arg), ".exe") == word
			})
			if i < 0 {
				at = -1
				break
			}
			at += i + 1
		}
		if at > 0 {
			return d.said
		}
	}
	return ""
}
