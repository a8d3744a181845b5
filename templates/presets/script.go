package presets

import (
	"slices"
	"strings"
)

// completeScript completes  npm run dev  and its like, if the script is a known command: what it needs goes behind it. One that has
// a port of its own is run by itself, as npm can add to it and take nothing away.
func (s *Set) completeScript(argv []string, place Place) (Found, bool) {
	name, behind := scriptOf(argv)
	text := place.manifest().Scripts[name]
	if name == "" || text == "" || strings.ContainsAny(text, "|&;<>()$`'\"*?\\") {
		return Found{}, false
	}
	words := strings.Fields(text)
	if len(words) == 0 || assignment.MatchString(words[0]) || hasPlaceholder(words) {
		return Found{}, false
	}
	typed := argv[behind:]
	if len(typed) > 0 && typed[0] == "--" {
		typed = typed[1:]
	}
	found, ok := s.complete(slices.Concat(words, typed), place)
	if !ok {
		return Found{}, false
	}
	if added, only := addedTo(words, found.Command); only && len(typed) == 0 {
		head := argv[:behind:behind]
		if base(argv[0]) == "npm" {
			head = append(head, "--")
		}
		found.Command = append(head, added...)
		return found, true
	}
	if !strings.ContainsAny(words[0], `/\`) && place.has("node_modules/.bin/"+words[0]) {
		found.Command[0] = place.bin(words[0])
	} else if !place.found(words[0]) {
		found.Command = append([]string{"npx"}, found.Command...)
	}
	found.Said += `, the script "` + name + `" run by itself`
	return found, true
}

// addedTo is what was put into a command, if nothing was taken from it and what is left stands in its order.
func addedTo(words, command []string) (added []string, only bool) {
	for _, word := range command {
		if len(words) > 0 && word == words[0] {
			words = words[1:]
			continue
		}
		added = append(added, word)
	}
	return added, len(words) == 0
}

// scriptOf is the script of package.json that a command runs, and the index behind its name.
func scriptOf(argv []string) (name string, behind int) {
	if !slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, base(argv[0])) || len(argv) < 2 {
		return "", 0
	}
	if (argv[1] == "run" || argv[1] == "run-script") && len(argv) > 2 {
		return argv[2], 3
	}
	if argv[1] == "start" || base(argv[0]) != "npm" {
		return argv[1], 2
	}
	return "", 0
}
