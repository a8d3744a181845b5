package presets

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// zipped is an archive with one entry.
func zipped(t *testing.T, entry string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create(entry); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const packageJSON = `{"scripts": {"dev": "vite", "start": "next start", "fixed": "vite --port 3000 --open", "server": "node server.js", "chain": "vite build && vite preview", "env": "PORT=1 vite"}}`

// project has what some commands are known by.
func project(t *testing.T) fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }
	return fstest.MapFS{
		"package.json":           file(packageJSON),
		"node_modules/.bin/vite": file(""),
		"target/spring.jar":      file(string(zipped(t, "BOOT-INF/classes/App.class"))),
		"target/plain.jar":       file(string(zipped(t, "App.class"))),
		"broken.jar":             file("no archive"),
	}
}

// completed are commands as they are typed and as they are run; an empty want means that they stay as they are.
var completed = []struct{ typed, want, preset string }{
	{"python manage.py runserver", "python manage.py runserver 127.0.0.1:{port} --noreload", "django"},
	{"python3.12 -u manage.py runserver 0.0.0.0:8000 --settings shop.local", "python3.12 -u manage.py runserver 127.0.0.1:{port} --settings shop.local --noreload", "django"},
	{"uv run manage.py runserver", "uv run manage.py runserver 127.0.0.1:{port} --noreload", "django"},
	{"poetry run python manage.py runserver", "poetry run python manage.py runserver 127.0.0.1:{port} --noreload", "django"},
	{".venv/bin/python manage.py runserver", ".venv/bin/python manage.py runserver 127.0.0.1:{port} --noreload", "django"},
	{`.venv\Scripts\python.exe manage.py runserver`, `.venv\Scripts\python.exe manage.py runserver 127.0.0.1:{port} --noreload`, "django"},
	{"python manage.py test", "", ""},
	{"flask --app shop run -p5000 --debug", "flask --app shop run --port {port} --debug --no-reload", "flask"},
	{"python -m flask run --port=5000 --no-reload", "python -m flask run --port {port} --no-reload", "flask"},
	{"uvicorn main:app --reload --host 0.0.0.0 --port 80", "uvicorn --port {port} main:app --host 0.0.0.0", "asgi"},
	{"uvicorn main:app --uds /tmp/x", "", ""},
	{"uvicorn main:app --fd=3", "", ""},
	{"hypercorn main:app -b 0.0.0.0:80", "hypercorn --bind 127.0.0.1:{port} main:app", "asgi"},
	{"daphne -p 8001 shop.asgi:application", "daphne --port {port} shop.asgi:application", "asgi"},
	{"granian --interface asgi main:app --port 8000", "granian --port {port} --interface asgi main:app", "asgi"},
	{"fastapi dev main.py", "fastapi dev --port {port} main.py --no-reload", "asgi"},
	{"fastapi run --host 0.0.0.0 --port 80", "fastapi run --port {port} --host 0.0.0.0", "asgi"},
	{"gunicorn shop.wsgi -w 2 -b 0.0.0.0:80 --bind unix:/tmp/x --reload", "gunicorn --bind 127.0.0.1:{port} shop.wsgi -w 2", "gunicorn"},
	{"waitress-serve --port=80 app:app", "waitress-serve --listen 127.0.0.1:{port} app:app", "gunicorn"},
	{"python -m http.server -d public 8000 --bind ::", "python -m http.server {port} -d public --bind ::", "static"},
	{"rackup -p 9292 -o 0.0.0.0", "rackup -p {port} -o 0.0.0.0", "rack"},
	{"bundle exec puma -p 3000 -t 5:5", "bundle exec puma -b tcp://127.0.0.1:{port} -t 5:5", "rack"},
	{"puma", "puma -b tcp://127.0.0.1:{port}", "rack"},
	{"bin/rails server", "bin/rails server -p {port} -P tmp/pids/lbdev-{port}.pid", "rails"},
	{"ruby bin/rails s -p 3000 --pid=x.pid -b 0.0.0.0", "ruby bin/rails s -p {port} -P tmp/pids/lbdev-{port}.pid -b 0.0.0.0", "rails"},
	{"bin/rails console", "", ""},
	{"php -S localhost:8000 -t public router.php", "php -S 127.0.0.1:{port} -t public router.php", "php"},
	{"php -t public -S 0.0.0.0:80", "php -S 127.0.0.1:{port} -t public", "php"},
	{"php worker.php", "", ""},
	{"php artisan serve --port=8000", "php artisan serve --port {port} --host 127.0.0.1", "laravel"},
	{"mix phx.server", "mix phx.server", "phoenix"},
	{"next start", "next start -p {port} -H 127.0.0.1", "next"},
	{"npx next start --port 3000 -H 0.0.0.0", "npx next start -p {port} -H 0.0.0.0", "next"},
	{"npx next dev --turbopack", "npx next dev -p {port} -H 127.0.0.1 --turbopack", "next"},
	{"next", "next -p {port} -H 127.0.0.1", "next"},
	{"next build", "", ""},
	{"node node_modules/.bin/next start", "node node_modules/.bin/next start -p {port} -H 127.0.0.1", "next"},
	{"vite preview", "vite preview --port {port} --strictPort --host 127.0.0.1", "vite"},
	{"pnpm exec vite preview --strictPort --port=4000", "pnpm exec vite preview --port {port} --host 127.0.0.1 --strictPort", "vite"},
	{"npx -y vite --host", "npx -y vite --port {port} --strictPort --host", "vite"},
	{"vite build", "", ""},
	{"nuxt preview", "nuxt preview -p {port}", "nuxt"},
	{"npx nuxi dev -p 3000", "npx nuxi dev -p {port} -h 127.0.0.1", "nuxt"},
	{"astro preview --port 4321", "astro preview --port {port} --host 127.0.0.1", "astro"},
	{"npm run dev", "npm run dev -- --port {port} --strictPort --host 127.0.0.1", "vite"},
	{"npm start", "npm start -- -p {port} -H 127.0.0.1", "next"},
	{"yarn dev", "yarn dev --port {port} --strictPort --host 127.0.0.1", "vite"},
	{"pnpm run dev", "pnpm run dev --port {port} --strictPort --host 127.0.0.1", "vite"},
	{"npm run fixed", "node_modules/.bin/vite --port {port} --strictPort --host 127.0.0.1 --open", "vite"},
	{"npm run dev -- --open --port 5000", "node_modules/.bin/vite --port {port} --strictPort --host 127.0.0.1 --open", "vite"},
	{"npm run server", "", ""},
	{"npm run chain", "", ""},
	{"npm run env", "", ""},
	{"npm run nothing", "", ""},
	{"npm install", "", ""},
	{"node server.js", "", ""},
	{"npx serve dist", "npx serve -l tcp://127.0.0.1:{port} dist", "node"},
	{"http-server -p 80 public", "http-server -p {port} -a 127.0.0.1 public", "node"},
	{"ng serve --port 4200", "ng serve --port {port} --host 127.0.0.1", "node"},
	{"java -jar target/spring.jar", "java -jar target/spring.jar --server.port={port}", "spring"},
	{"java -Xmx200m -jar /srv/app/target/spring.jar --server.port=80 --debug", "java -Xmx200m -jar /srv/app/target/spring.jar --debug --server.port={port}", "spring"},
	{"java -jar target/plain.jar", "", ""},
	{"java -jar broken.jar", "", ""},
	{"java -jar nowhere.jar", "", ""},
	{"java -jar ../outside.jar", "", ""},
	{"java -cp target App", "", ""},
	{"./mvnw spring-boot:run", "./mvnw spring-boot:run -Dspring-boot.run.arguments=--server.port={port}", "spring"},
	{"./gradlew bootRun", "./gradlew bootRun --args=--server.port={port}", "spring"},
	{"dotnet run", "dotnet run -- --urls http://127.0.0.1:{port}", "aspnet"},
	{"dotnet run --no-build -- --verbose --urls http://*:80", "dotnet run --no-build -- --verbose --urls http://127.0.0.1:{port}", "aspnet"},
	{"dotnet run -- --urls=http://*:80", "dotnet run -- --urls http://127.0.0.1:{port}", "aspnet"},
	{"dotnet test", "", ""},
	{"deno serve main.ts", "deno serve --port {port} --host 127.0.0.1 main.ts", "deno"},
	{"deno serve --port=80 --host 0.0.0.0 main.ts", "deno serve --port {port} --host 0.0.0.0 main.ts", "deno"},
	{"deno run main.ts", "", ""},
	{"catalina.sh run", "catalina.sh run", "tomcat"},
	{"./server --port 80", "", ""},
	{"sh -c uvicorn", "", ""},
	{"echo vite", "", ""},
}

func TestComplete(t *testing.T) {
	set := load(t)
	place := machine(project(t), usual, nil)
	known := map[string]bool{}
	for _, c := range completed {
		typed := strings.Fields(c.typed)
		before := slices.Clone(typed)
		found, ok := set.Complete(typed, place)
		if !slices.Equal(typed, before) {
			t.Errorf("%q was changed in place", c.typed)
		}
		if ok != (c.want != "") || ok && found.Preset.Name != c.preset {
			t.Errorf("%q is known as %q (%v), want %q", c.typed, found.Preset.Name, ok, c.preset)
			continue
		}
		if !ok {
			continue
		}
		known[c.preset] = true
		if got := strings.Join(found.Command, " "); got != c.want {
			t.Errorf("%q becomes\n\t%s, want\n\t%s", c.typed, got, c.want)
		}
		if found.Said == "" {
			t.Errorf("%q: nothing is said of its port", c.typed)
		}
	}
	for _, p := range set.All() {
		if len(p.Known) > 0 && !known[p.Name] {
			t.Errorf("no command of %s is tried", p.Name)
		}
	}
}

// What is said names what was replaced, and that autoreload is off.
func TestCompleteSaid(t *testing.T) {
	set := load(t)
	place := machine(project(t), usual, nil)
	for typed, want := range map[string]string{
		"python manage.py runserver":           "port added as runserver's argument, autoreload switched off (--watch restarts all in turn)",
		"python manage.py runserver 8000":      "port added as runserver's argument in place of 8000, autoreload switched off (--watch restarts all in turn)",
		"flask run -p 5000 --no-reload":        "port added as flask's --port in place of 5000",
		"php -S localhost:80":                  "port added as php's -S in place of localhost:80",
		"gunicorn a:b -b :80 -b unix:/tmp/x":   "port added as gunicorn's --bind in place of :80 unix:/tmp/x",
		"npm run fixed":                        `port added as vite's --port in place of 3000, the script "fixed" run by itself`,
		"vite preview --host 0.0.0.0":          "port added as vite's --port",
		"mix phx.server":                       "port passed in the environment as PORT",
		"bin/rails server --pid tmp/mine.pid":  "port added as rails's -p, -P in place of tmp/mine.pid",
		"java -jar target/spring.jar":          "port added as java's --server.port",
		"dotnet run -- --urls http://*:80":     "port added as dotnet's --urls in place of http://*:80",
		"python3 -m http.server -d /srv/x 800": "port added as http.server's argument in place of 800",
	} {
		found, _ := set.Complete(strings.Fields(typed), place)
		if found.Said != want {
			t.Errorf("%q:\n\t%q, want\n\t%q", typed, found.Said, want)
		}
	}
	found, _ := set.Complete([]string{"next", "dev"}, place)
	if len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "refuses a second copy") {
		t.Errorf("next dev: notes %q", found.Notes)
	}
	found, _ = set.Complete([]string{"uvicorn", "main:app"}, place)
	if !slices.Equal(found.Unset, []string{"WEB_CONCURRENCY"}) {
		t.Errorf("uvicorn: unset %q", found.Unset)
	}
}

// A command that says where its port goes is left alone, whatever it is, and none loses words that have nothing to do with ports.
func TestCompleteProperties(t *testing.T) {
	set := load(t)
	place := machine(project(t), usual, nil)
	var words []string
	for _, c := range completed {
		words = append(words, strings.Fields(c.typed)...)
	}
	words = append(words, "--", "-", "", "=", "--port", "-p", "-p3000", "--port=1", "{", "}", "--x=y", "\x00", "é")
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.SliceOfN(rapid.SampledFrom(words), 1, 7).Draw(t, "words")
		found, ok := set.Complete(typed, place)
		if ok && len(found.Command) == 0 {
			t.Fatalf("%q becomes nothing", typed)
		}
		at := rapid.IntRange(0, len(typed)).Draw(t, "at")
		placeholder := rapid.SampledFrom([]string{"{port}", "--x={port}", "%port%", "0.0.0.0:%port%", "unix:{socket}", "%socket%"}).Draw(t, "placeholder")
		if _, ok := set.Complete(slices.Insert(slices.Clone(typed), at, placeholder), place); ok {
			t.Fatalf("%q with %s at %d was changed", typed, placeholder, at)
		}
		more := append(slices.Clone(typed), "--unrelated=1", "unrelated")
		if found, ok := set.Complete(more, place); ok {
			i := slices.Index(found.Command, "--unrelated=1")
			if i < 0 || i+1 >= len(found.Command) || found.Command[i+1] != "unrelated" {
				t.Fatalf("%q becomes %q", more, found.Command)
			}
		}
	})
}
