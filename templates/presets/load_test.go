package presets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestEmbedded holds the presets to what the field's list of frameworks says: all are there, in its order, each place taken once.
func TestEmbedded(t *testing.T) {
	set := load(t)
	want := []string{
		"procfile", "django", "rails", "rack", "laravel", "phoenix", "aspnet", "tomcat", "spring", "java", "next", "nuxt", "astro", "vite",
		"bun", "node", "deno", "go", "flask", "asgi", "gunicorn", "php", "static",
	}
	if got := set.names(); !slices.Equal(got, want) {
		t.Errorf("the presets are %q", got)
	}
	orders := map[int]string{}
	for _, p := range set.All() {
		if other := orders[p.Order]; other != "" {
			t.Errorf("%s and %s have the order %d", other, p.Name, p.Order)
		}
		orders[p.Order] = p.Name
		for _, name := range p.Covers {
			if _, ok := set.ByName(name); !ok {
				t.Errorf("%s covers %q, which there is not", p.Name, name)
			}
		}
		if p.Source != "" || !strings.Contains(p.Text, "name: "+p.Name) {
			t.Errorf("%s comes from %q", p.Name, p.Source)
		}
		if len(p.When) > 0 && p.LooksFor() == "" {
			t.Errorf("%s does not say what it looks for", p.Name)
		}
	}
	if _, ok := set.ByName("cobol"); ok {
		t.Error("there is a preset for COBOL")
	}
}

const own = `order: 15
name: shop
title: the shop
when:
- files: shop.conf
run:
- command: ./shop --listen {port}
`

// TestMistakes has each kind of mistake in a preset of a user's, with the place and what was meant.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"run:\n- command: ./shop --listen {port}", "run: [{command: ./shop {port}}]", "shop.yaml:6:24: ',' or '}' must be specified: a text with braces in it needs quotes"},
		{"files: shop.conf", "flies: shop.conf", `shop.yaml:5:3: there is no key "flies" here; did you mean "files"?`},
		{"title: the shop", "tittle: the shop", `shop.yaml:3:1: there is no key "tittle" here; did you mean "title"?`},
		{"order: 15", "colour: red", `shop.yaml:1:1: there is no key "colour" here`},
		{"order: 15", "command: ./shop", `shop.yaml:1:1: there is no key "command" here, but in other places`},
		{"order: 15", "order: first", `shop.yaml:1:8: cannot unmarshal string into Go struct field Preset.Order of type int`},
		{"name: shop", "name: My Shop", `shop.yaml:2:7: the name "My Shop" must be small letters, digits and hyphens`},
		{"name: shop\n", "", `shop.yaml:1:1: the name "" must be small letters, digits and hyphens`},
		{"title: the shop\n", "", `shop.yaml:2:7: a preset needs a title`},
		{"title: the shop", "title: the shop\nkind: procfil", `shop.yaml:4:7: there is no kind "procfil"; did you mean "procfile"?`},
		{"command: ./shop --listen {port}", "command: ''", `shop.yaml:7:3: a command is missing`},
		{"./shop --listen {port}", "./shop --listen {prot}", `shop.yaml:7:12: nothing is known as {prot}; did you mean "port"?`},
		{"./shop --listen {port}", "'{pyhton} shop.py'", `shop.yaml:7:12: nothing is known as {pyhton}; did you mean "python"?`},
		{"files: shop.conf", "files: 'shop.[conf'", `shop.yaml:5:10: the pattern "shop.[conf" is broken`},
		{"files: shop.conf", "files: ./shop.conf", `shop.yaml:5:10: the pattern "./shop.conf" must be a path in the folder, without ./ before it`},
		{"files: shop.conf", "files: [a, ../shop.conf]", `shop.yaml:5:14: the pattern "../shop.conf" must be a path in the folder, without ./ before it`},
		{"files: shop.conf", "var: ap", `shop.yaml:5:8: there is no var "ap"`},
		{"files: shop.conf", "words: {in: shop.conf}", `shop.yaml:5:10: words need  in  and  any`},
		{"run:\n- command: ./shop --listen {port}\n", "", `shop.yaml:4:1: a folder would be recognised, and there is nothing to run: run is missing`},
		{"order: 15", "vars: {app: [{search: '(', in: x.py}]}", `shop.yaml:1:23: the expression is broken: error parsing regexp: missing closing ): ` + "`(`"},
		{"order: 15", "vars: {app: [{search: 'x'}]}", `shop.yaml:1:14: search needs in: the files to look in`},
		{"order: 15", "vars: {app: [{built: true, value: x}]}", `shop.yaml:1:14: built needs file: what is looked for`},
		{"order: 15", "prepare: [{why: it must be}]", `shop.yaml:1:11: a command is missing`},
		{"order: 15", "prepare: [{command: make, from: '*.c'}]", `shop.yaml:1:11: from needs makes: what is made of it`},
		{"order: 15", "files: [{path: ../x, text: y}]", `shop.yaml:1:9: the path "../x" must lead to a place in the worker's folder`},
		{"order: 15", "known: [{add: '{port}'}]", `shop.yaml:1:9: a command is missing`},
		{"order: 15", "order: 15\norder: 16", `shop.yaml:2:1: mapping key "order" already defined at [1:1]`},
		{"order: 15", "order: [", `shop.yaml:`},
		{"order: 15", "settings: {hold: {a: b}}", `shop.yaml:1:18: mapping was used where sequence is expected`},
	} {
		text := strings.Replace(own, c.old, c.new, 1)
		if text == own {
			t.Errorf("%q is not in the preset", c.old)
		}
		_, err := Parse("shop.yaml", []byte(text))
		if _, ok := errors.AsType[*FileError](err); !ok || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("with %q:\n\t%v, want\n\t%s", c.new, err, c.want)
		}
	}
	if _, err := Parse("shop.yaml", nil); err == nil {
		t.Error("an empty file is a preset")
	}
}

func TestCheckSettings(t *testing.T) {
	p, err := Parse("shop.yaml", []byte(own+"settings:\n  hold: 5s\n  ready-timout: 1m\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.checkSettings([]string{"hold", "ready-timeout"})
	if want := `shop.yaml:10:3: there is no setting "ready-timout"; did you mean "ready-timeout"?`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	p, err = Parse("shop.yaml", []byte(own+"cases:\n- when: [{files: x}]\n  settings: {sticki: cookie}\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.checkSettings([]string{"sticky"})
	if want := `shop.yaml:10:14: there is no setting "sticki"; did you mean "sticky"?`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := p.checkSettings([]string{"sticki"}); err != nil {
		t.Error(err)
	}
}

// A user's presets are tried with lbdev's, and take the place of those of the same name.
func TestUsersOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.yaml", own)
	write("mine.yaml", "order: 20\nname: django\ntitle: my Django\nwhen: [{files: manage.py}]\nrun: [{command: './serve {port}'}]\n")
	write("notes.txt", "no preset")
	set := Load(dir, nil)
	place := machine(fstest.MapFS{"shop.conf": {}, "manage.py": {}}, usual, nil)
	found, err := set.Recognise(place)
	if err != nil || found.Preset.Name != "shop" || len(found.Others) != 1 || found.Others[0].Title != "my Django" {
		t.Errorf("found %s, %v", shown(found), err)
	}
	found, err = set.Named("django", place)
	if want := []string{"./serve", "{port}"}; err != nil || !slices.Equal(found.Command, want) || found.Preset.Source != filepath.Join(dir, "mine.yaml") {
		t.Errorf("found %s, %v", shown(found), err)
	}
	if set := Load(filepath.Join(dir, "nowhere"), nil); len(set.Broken()) > 0 || len(set.All()) != len(load(t).All()) {
		t.Errorf("without a folder: %v", set.Broken())
	}
}

// TestBroken: a broken file of a user's keeps nobody from what does not need it. It might be what a folder is, or what was asked for by its
// name or that of its file.
func TestBroken(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"shop.yaml":   own + "settings: {hold: 5s}\n",
		"broken.yaml": "order: 1\nname: django\ntitle: [\n",
		"typo.yaml":   strings.Replace(own, "name: shop", "name: store", 1) + "settings: {hodl: 5s}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := Load(dir, []string{"hold", "ready-path", "ready-timeout", "sticky"}) // and those that lbdev's own have
	var broken []string
	for _, b := range set.Broken() {
		fault, ok := errors.AsType[*FileError](b)
		if !ok || fault.File != b.File {
			t.Errorf("%s: %v", b.File, b)
			continue
		}
		broken = append(broken, b.Name+" "+filepath.Base(b.Error()))
	}
	if want := []string{"django broken.yaml:3:8: sequence end token ']' not found", `store typo.yaml:8:12: there is no setting "hodl"; did you mean "hold"?`}; !slices.Equal(broken, want) {
		t.Errorf("broken are %q, want %q", broken, want)
	}
	place := machine(fstest.MapFS{"shop.conf": {}, "manage.py": {}}, usual, nil)
	for _, name := range []string{"django", "broken", "store", "typo"} {
		_, err := set.Named(name, place)
		if fault, ok := errors.AsType[*BrokenError](err); !ok || !fault.mayBe(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found, err := set.Named("shop", place); err != nil || found.Preset.Source == "" {
		t.Errorf("a good one: %v", err)
	}
	if found, ok := set.Complete([]string{"python", "manage.py", "runserver"}, place); !ok || found.Preset.Source != "" {
		t.Error("a known command does not get its port any more")
	}
	_, err := set.Recognise(place)
	if err == nil || !strings.Contains(err.Error(), "broken.yaml:3:8") || !strings.Contains(err.Error(), "typo.yaml:8:12") {
		t.Errorf("recognised all the same: %v", err)
	}
}

// TestUnreadable: what can't be read is named and nobody waits for it; what an editor leaves beside a preset is none.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.yaml", own)
	write(".#shop.yaml", "broken: [")
	write(".hidden.yaml", "broken: [")
	if err := os.Symlink("shop.yaml", filepath.Join(dir, "link.yaml")); err != nil && runtime.GOOS != "windows" { // which lets few people make links
		t.Fatal(err)
	}
	set := Load(dir, nil)
	if _, ok := set.ByName("shop"); !ok || len(set.Broken()) > 0 {
		t.Errorf("there is a shop: %v; broken: %v", ok, set.Broken())
	}
	want := map[string]string{"folder": "it is a folder, and must be a regular file", "huge": "it has more than 1048576 bytes"}
	write("huge.yaml", own+"# "+strings.Repeat("x", readable))
	if err := os.Mkdir(filepath.Join(dir, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		makePipe(t, filepath.Join(dir, "pipe.yaml"))
		os.Symlink("pipe.yaml", filepath.Join(dir, "linked.yaml"))
		os.Symlink("nowhere", filepath.Join(dir, "gone.yaml"))
		os.Symlink(os.DevNull, filepath.Join(dir, "device.yaml"))
		want["pipe"] = "it is a pipe, and must be a regular file"
		want["linked"], want["device"] = want["pipe"], "it is a device, and must be a regular file"
		want["gone"] = "no such file or directory"
	}
	set = Load(dir, nil)
	if len(set.Broken()) != len(want) {
		t.Errorf("broken are %v", set.Broken())
	}
	for _, b := range set.Broken() {
		if text := fmt.Sprintf("cannot read presets of your own: %q: %s", b.File, want[b.Name]); b.Error() != text {
			t.Errorf("%s: %v, want %s", b.Name, b, text)
		}
	}
	set = Load(filepath.Join(dir, "shop.yaml"), nil)
	if len(set.Broken()) != 1 || !strings.HasPrefix(set.Broken()[0].Error(), "cannot read presets of your own: ") {
		t.Errorf("no folder: %v", set.Broken())
	}
	if _, err := set.Named("django", machine(fstest.MapFS{}, usual, nil)); err == nil {
		t.Error("a folder that can't be read has no django in it for sure")
	}
}

func TestNamed(t *testing.T) {
	set := load(t)
	place := machine(fstest.MapFS{"Procfile": {Data: []byte("api: ./api $PORT\nadmin: ./admin $PORT\n")}}, []string{"rackup", "python3"}, nil)
	for name, want := range map[string]string{
		"procfile:admin": "./admin {port}",
		"rack":           "rackup -o 127.0.0.1 -p {port}",
	} {
		found, err := set.Named(name, place)
		if got := strings.Join(found.Command, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"djnago":        `cannot find a preset "djnago"`,
		"procfile:api2": `cannot find "api2" in the Procfile: it has api, admin`,
		"procfile":      "cannot tell which line of the Procfile to run: it has api, admin, and no web",
		"gunicorn":      "cannot start a folder as gunicorn: lbdev only knows how its command takes a port",
		"asgi":          `cannot start FastAPI / ASGI: nothing was found for {app} in "{python} -m uvicorn {app} --host 127.0.0.1 --port {port}"`,
		"tomcat":        `cannot start Tomcat: nothing was found for {catalina} in "{catalina} run"`,
	} {
		if _, err := set.Named(name, place); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	_, err := set.Named("djnago", place)
	if unknown, ok := errors.AsType[*UnknownPreset](err); !ok || unknown.Near != "django" {
		t.Errorf("%#v", err)
	}
	_, err = set.Named("tomcat", place)
	if missing, ok := errors.AsType[*MissingError](err); !ok || !strings.Contains(missing.Hint, "CATALINA_HOME") {
		t.Errorf("%#v", err)
	}
}

// A variable of the environment says which app of Flask's is meant, and not that there is one.
func TestFlaskApp(t *testing.T) {
	set := load(t)
	env := map[string]string{"FLASK_APP": "elsewhere"}
	found, err := set.Recognise(machine(fstest.MapFS{"index.html": {}}, usual, env))
	if err != nil || found.Preset.Name != "static" {
		t.Errorf("%s, %v", shown(found), err)
	}
	found, err = set.Recognise(machine(fstest.MapFS{"requirements.txt": {Data: []byte("flask\n")}}, usual, env))
	if err != nil || !slices.Contains(found.Command, "elsewhere") {
		t.Errorf("%s, %v", shown(found), err)
	}
}

// FuzzParse: whatever a file says, it is a preset or a *FileError.
func FuzzParse(f *testing.F) {
	for _, p := range load(f).All() {
		f.Add(p.Text)
	}
	for _, text := range []string{"", "a", "[", "{", "&a [*a]", "? x", "name: !!binary x", "- - -", "a: *b", "<<: {name: x}", "\x00", "run: {a: b}", "name: |\n  x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("fuzz.yaml", []byte(text))
		if err != nil {
			if fault, ok := errors.AsType[*FileError](err); !ok || fault.Line < 1 {
				t.Errorf("%v", err)
			}
			return
		}
		set := &Set{presets: []Preset{p}}
		place := machine(fstest.MapFS{"manage.py": {Data: []byte("django")}, "package.json": {Data: []byte(packageJSON)}}, usual, nil)
		set.Recognise(place)
		set.Named(p.Name, place)
		set.Complete([]string{"python", "manage.py", "runserver"}, place)
	})
}

// The example of the docs is a preset, and does what is said beside it.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/presets.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	p, err := Parse("docs/presets.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set := &Set{presets: []Preset{p}}
	found, err := set.Recognise(machine(fstest.MapFS{"shop.conf": {Data: []byte("listen 80")}}, usual, nil))
	if got, want := strings.Join(found.Command, " "), "python3 shop.py --config shop.conf --port {port}"; err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	if found.Why != "shop.conf names listen" || len(found.Prepare) != 2 || !slices.Equal(found.Unset, []string{"WORKERS"}) {
		t.Errorf("found %s", shown(found))
	}
	list, err := os.ReadFile("../../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range load(t).All() {
		if len(p.When) > 0 && !strings.Contains(string(list), "| `"+p.Name+"` |") {
			t.Errorf("docs/frameworks.md does not list %s", p.Name)
		}
	}
}
