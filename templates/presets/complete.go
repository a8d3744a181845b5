package presets

import (
	"archive/zip"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Complete gives a command that people type without {port} its port, if it is a known one. What has the port in it is left alone,
// whatever it is.
func (s *Set) Complete(argv []string, place Place) (Found, bool) {
	if len(argv) == 0 || hasPlaceholder(argv) {
		return Found{}, false
	}
	if found, ok := s.complete(argv, place); ok {
		return found, true
	}
	return s.completeScript(argv, place)
}

// hasPlaceholder says whether a command tells by itself where its port or its socket goes.
func hasPlaceholder(argv []string) bool {
	return slices.ContainsFunc(argv, func(arg string) bool {
		for _, word := range []string{"{port}", "%port%", "{socket}", "%socket%"} {
			if strings.Contains(arg, word) {
				return true
			}
		}
		return false
	})
}

func (s *Set) complete(argv []string, place Place) (Found, bool) {
	for _, at := range programs(argv) {
		for i := range s.presets {
			r := s.presets[i].reader(place)
			for j := range r.preset.Known {
				k := &r.preset.Known[j]
				behind := k.find(argv, at)
				if behind < 0 || !k.fits(r, argv) {
					continue
				}
				found := r.settled()
				found.Command, found.Said = k.complete(argv, behind)
				found.Notes = slices.Clone(k.Notes)
				return found, true
			}
		}
	}
	return Found{}, false
}

// base is a program's name without its folder, and without what Windows writes behind it.
func base(program string) string {
	name := program[strings.LastIndexAny(program, `/\`)+1:]
	for _, ending := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		if stem, ok := strings.CutSuffix(strings.ToLower(name), ending); ok {
			return name[:len(stem)]
		}
	}
	return name
}

// runners run what is named behind them and their own options.
var runners = []struct {
	name  *regexp.Regexp
	words []string // what must follow the name
}{
	{regexp.MustCompile(`^(python[0-9.]*|py|ruby|node|php|npx|bunx|yarn|pnpm)$`), nil},
	{regexp.MustCompile(`^(uv|poetry|pipenv|pdm|hatch|rye)$`), []string{"run"}},
	{regexp.MustCompile(`^(bundle|pnpm|npm|yarn)$`), []string{"exec"}},
	{regexp.MustCompile(`^(pnpm|yarn)$`), []string{"dlx"}},
}

// programs are the places in a command where a program's name may stand: at the beginning, and behind each runner.
func programs(argv []string) []int {
	found := []int{0}
	for i := 0; i < len(found) && i < len(argv); i++ { // found grows
		at := found[i]
		for _, r := range runners {
			next := at + 1 + len(r.words)
			if !r.name.MatchString(base(argv[at])) || next > len(argv) || !slices.Equal(argv[at+1:next], r.words) {
				continue
			}
			for next < len(argv) && strings.HasPrefix(argv[next], "-") {
				next++
			}
			if next < len(argv) && !slices.Contains(found, next) {
				found = append(found, next)
			}
		}
	}
	return found
}

// find returns the index behind the words that name the command, the first of which stands at at; -1 if they are not there.
func (k *Known) find(argv []string, at int) int {
	words := strings.Fields(k.Command)
	is := func(word string, arg string) bool { return slices.Contains(strings.Split(word, "|"), arg) }
	if !is(words[0], base(argv[at])) {
		return -1
	}
	for _, word := range words[1:] {
		i := slices.IndexFunc(argv[at+1:], func(arg string) bool { return is(word, arg) })
		if i < 0 {
			return -1
		}
		at += 1 + i
	}
	rest := argv[at+1:]
	for _, need := range k.Needs {
		if !slices.Contains(rest, need) {
			return -1
		}
	}
	for _, arg := range rest {
		name, _, _ := strings.Cut(arg, "=")
		if slices.Contains(k.Unless, arg) || strings.HasPrefix(arg, "-") && slices.Contains(k.Unless, name) {
			return -1
		}
	}
	return at + 1
}

// fits says whether the folder, and the archive, are what the command is known for.
func (k *Known) fits(r *reader, argv []string) bool {
	if ok, _ := r.holds(k.When); !ok {
		return false
	}
	return k.Archive == "" || r.place.archived(argv, k.Archive)
}

// archived says whether the first .jar or .war of a command has an entry in it. One outside the folder is not looked into.
func (p Place) archived(argv []string, entry string) bool {
	i := slices.IndexFunc(argv, func(arg string) bool { return path.Ext(arg) == ".jar" || path.Ext(arg) == ".war" })
	if i < 0 {
		return false
	}
	name := argv[i]
	if rel, err := filepath.Rel(p.Path, name); err == nil && filepath.IsAbs(name) {
		name = rel
	}
	f, err := p.Dir.Open(path.Clean(filepath.ToSlash(name)))
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	readerAt, can := f.(io.ReaderAt)
	if err != nil || !can || !info.Mode().IsRegular() {
		return false
	}
	archive, err := zip.NewReader(readerAt, info.Size())
	return err == nil && slices.ContainsFunc(archive.File, func(f *zip.File) bool { return strings.HasPrefix(f.Name, entry) })
}

// An option is one of Known.Add, taken apart.
type option struct {
	names  []string // empty: it is an argument
	value  string   // empty: it takes none
	joined bool     // written as one word, with =
	ports  bool     // it has the port in it
}

var optionForm = regexp.MustCompile(`^(-[^ =]*)(?:([ =])(.*))?$`)

func parseOption(text string) option {
	m := optionForm.FindStringSubmatch(text)
	if m == nil {
		return option{value: text, ports: true}
	}
	return option{names: strings.Split(m[1], "|"), value: m[3], joined: m[2] == "=", ports: strings.Contains(m[3], "{port}")}
}

// written is the option as it goes into a command.
func (o option) written() []string {
	switch {
	case len(o.names) == 0:
		return []string{o.value}
	case o.joined:
		return []string{o.names[0] + "=" + o.value}
	case o.value == "":
		return o.names[:1]
	}
	return []string{o.names[0], o.value}
}

// complete puts the port behind the words that end at at, in place of one that is given, and switches autoreload off: a
// reloader is a second process for each worker.
func (k *Known) complete(argv []string, at int) ([]string, string) {
	head, rest := argv[:at:at], slices.Clone(argv[at:])
	var add []string
	said := k.Said
	for _, text := range k.Add {
		o := parseOption(text)
		given := false
		var old []string
		rest, old, given = o.take(rest, k.After == "--")
		if given && !o.ports {
			continue // the user's own stays
		}
		add = append(add, o.written()...)
		first := said == "" && o.ports
		if first {
			said = "port added as " + k.label(o)
		}
		if old = slices.DeleteFunc(old, func(s string) bool { return s == "" }); len(old) > 0 && first {
			said += " in place of " + strings.Join(old, " ")
		} else if len(old) > 0 {
			said += ", " + o.written()[0] + " in place of " + strings.Join(old, " ")
		}
	}
	var reloads bool
	rest, reloads = k.withoutReload(rest)
	if reloads {
		said += ", autoreload switched off (--watch restarts all in turn)"
	}
	if k.After != "" && !slices.Contains(rest, k.After) {
		rest = append(rest, k.After)
	}
	if k.Last || k.After != "" {
		return slices.Concat(head, rest, add), said
	}
	return slices.Concat(head, add, rest), said
}

// label is how people call the place where the port goes: "runserver's argument", "flask's --port".
func (k *Known) label(o option) string {
	words := strings.Fields(k.Command)
	name := func(word string) string { first, _, _ := strings.Cut(word, "|"); return first }
	if len(o.names) == 0 {
		return name(words[len(words)-1]) + "'s argument"
	}
	return name(words[0]) + "'s " + o.names[0]
}

// withoutReload switches autoreload off, and says whether it would have been on.
func (k *Known) withoutReload(args []string) ([]string, bool) {
	reloads := k.Off != "" && !slices.Contains(args, k.Off)
	if i := slices.Index(args, k.On); k.On != "" && i >= 0 {
		args, reloads = slices.Delete(args, i, i+1), true
	}
	if reloads && k.Off != "" {
		args = append(args, k.Off)
	}
	return args, reloads
}

// fixedPort is an address or port given as an argument of its own.
var fixedPort = regexp.MustCompile(`^([0-9.]+:|localhost:|\[[0-9a-f:]+\]:)?[0-9]{1,5}$`)

// take looks for an option among a command's arguments. One with the port in it is taken out, wherever it is given, and what
// it was is returned.
//
// Behind a "--" it is looked for only if its place is there: what follows is for another program.
func (o option) take(args []string, behind bool) (rest, old []string, given bool) {
	for i := 0; i < len(args); {
		if args[i] == "--" && !behind {
			break
		}
		n, value := o.at(args, i)
		switch {
		case n == 0:
			i++
		case !o.ports:
			return args, nil, true
		default:
			args, old, given = slices.Delete(args, i, i+n), append(old, value), true
			if len(o.names) == 0 {
				return args, old, true
			}
		}
	}
	return args, old, given
}

// at says how many words the option takes at the i-th argument, 0 if it is not there, and its value.
func (o option) at(args []string, i int) (n int, value string) {
	if len(o.names) == 0 {
		if fixedPort.MatchString(args[i]) && !isOptionsValue(args, i) {
			return 1, args[i]
		}
		return 0, ""
	}
	for _, name := range o.names {
		if value, joined := strings.CutPrefix(args[i], name+"="); joined {
			return 1, value
		}
		switch takes := o.value != "" && !o.joined; {
		case args[i] != name || o.joined:
		case takes && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			return 2, args[i+1]
		default:
			return 1, ""
		}
		if value, glued := strings.CutPrefix(args[i], name); glued && o.ports && len(name) == 2 && fixedPort.MatchString(value) { // -p3000
			return 1, value
		}
	}
	return 0, ""
}

// isOptionsValue says whether the i-th argument may belong to the option before it, as 2 does in "-v 2". A port has four
// digits or more, or an address before it.
func isOptionsValue(args []string, i int) bool {
	return i > 0 && strings.HasPrefix(args[i-1], "-") && len(args[i]) < 4
}
