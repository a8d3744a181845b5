package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"mvdan.cc/sh/v3/shell"
)

// words reads the command: a list of words, or one text.
func (p *reader) words(k Key, n ast.Node, v *given) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		for _, item := range n.Values {
			at := p.within(placeOf(item))
			s, ok := p.single(k, item, at)
			switch item := item.(type) {
			case *ast.MappingNode:
				p.notMap(k, item, at, "a word")
			case *ast.SequenceNode:
				p.wrong(at, k.Name, "", "there is a list within the list")
			case *ast.NullNode:
				p.wrong(at, k.Name, `write "" for an empty word`, "a word of the command is missing")
			}
			if ok {
				v.texts, v.items = append(v.texts, s.text), append(v.items, at)
			}
		}
		if len(n.Values) == 0 || len(v.texts) > 0 && v.texts[0] == "" {
			p.wrong(v.place, k.Name, "such as [python, manage.py, runserver]", "the command is empty")
		}
		return
	case *ast.MappingNode:
		p.notMap(k, n, v.place, "a command")
		return
	}
	s, ok := p.single(k, n, v.place)
	_, null := n.(*ast.NullNode)
	switch {
	case null || ok && strings.TrimSpace(s.text) == "":
		p.wrong(v.place, k.Name, "such as [python, manage.py, runserver]", "the command is empty")
	case ok:
		v.texts = p.split(k, s.text, v.place)
	}
}

// workerWords are the variables that each worker has a value of its own for. In a command that is split here, they are the placeholders
// that become it.
var workerWords = map[string]string{"PORT": "{port}", "LBDEV_PORT": "{port}", "HOST": "{host}", "LBDEV_WORKER": "{worker}", "LBDEV_FRONT": "{front}", "LBDEV_SOCKET": "{socket}"}

// splitCommand splits a command line into words as a shell does, with quotes and variables, but without one: no pipes, no && and no $(…).
// $PORT and its like, which are another's for each worker, become {port}. A variable that is not set is an error.
func splitCommand(line string, lookup func(string) (string, bool)) ([]string, error) {
	missing := ""
	words, err := shell.Fields(line, func(name string) string {
		if word := workerWords[name]; word != "" {
			return word
		}
		if name == "IFS" { // of the shell itself: how it splits
			return ""
		}
		value, ok := lookup(name)
		if home, _, _ := strings.Cut(name, " "); !ok && home != "HOME" { // "HOME joe" is that of ~joe
			missing = name
		}
		return value
	})
	switch {
	case err != nil:
		text := err.Error()
		if place, rest, ok := strings.Cut(text, ": "); ok && strings.Trim(place, "0123456789:") == "" { // 1:3, within the command
			text = rest
		}
		return nil, fmt.Errorf("the command is run without a shell, and cannot be split into words: %s", text)
	case missing != "":
		return nil, fmt.Errorf("the command names $%s, which is not set", missing)
	}
	return words, nil
}

func (p *reader) split(k Key, line string, at Place) []string {
	lookup := p.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	words, err := splitCommand(line, func(name string) (string, bool) {
		value, ok := lookup(name)
		if ok && strings.Contains(line, name) { // PWD and its like are looked up for any line
			if p.file.variables == nil {
				p.file.variables = map[string]string{}
			}
			p.file.variables[name] = value
		}
		return value, ok
	})
	if err == nil && len(words) > 0 && words[0] != "" {
		return words
	}
	meant := fmt.Sprintf(`have a shell run it: [sh, -c, '%s']`, strings.ReplaceAll(line, "'", "''"))
	switch {
	case err == nil:
		p.wrong(at, k.Name, "such as [python, manage.py, runserver]", "the command is empty")
		return nil
	case strings.ContainsRune(line, '\n') || len(line) > lineShown:
		meant = "have a shell run it: [sh, -c, '…']"
	case strings.Contains(err.Error(), "is not set"):
		meant = "set it under  env , and have a shell put it in: [sh, -c, '…']"
	}
	p.wrong(at, k.Name, meant, "%s", err)
	return nil
}

// names reads variables of the environment.
func (p *reader) names(k Key, n ast.Node, v *given) Env {
	if _, ok := p.single(k, n, v.place); ok {
		p.wrong(v.place, k.Name, "a line for each variable, NAME: value", "there is one value where a map belongs")
		return nil
	}
	env := Env{}
	v.names = map[string]Place{}
	switch n := n.(type) {
	case *ast.SequenceNode:
		meant := "NAME: value"
		if len(n.Values) > 0 {
			if m, ok := n.Values[0].(*ast.MappingNode); ok && len(m.Values) > 0 {
				meant = fmt.Sprintf("leave the - out: %s: …", m.Values[0].Key.GetToken().Value)
			}
			if s, ok := textOf(n.Values[0]); ok && strings.Contains(s.text, "=") {
				name, value, _ := strings.Cut(s.text, "=")
				meant = fmt.Sprintf("%s: %q ?", name, value)
			}
		}
		p.wrong(v.place, k.Name, meant, "there is a list where a map belongs")
	case *ast.MappingNode:
		for _, pair := range n.Values {
			p.variable(k, pair, env, v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		v.texts = append(v.texts, name+"="+env[name])
	}
	return env
}

// variable reads one variable.
func (p *reader) variable(k Key, pair *ast.MappingValueNode, env Env, v *given) {
	name, at, ok := p.key(pair.Key)
	if !ok {
		return
	}
	first, twice := v.names[name]
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		p.wrong(at, k.Name, "NAME: value", "%s is no name of a variable", shown(name))
		return
	case twice:
		p.wrong(at, k.Name, "", "%s is there twice; the first is in line %d", shown(name), first.Line)
		return
	}
	place := p.within(placeOf(pair.Value))
	s, ok := p.single(k, pair.Value, place)
	switch value := pair.Value.(type) {
	case *ast.NullNode:
		p.wrong(at, k.Name, fmt.Sprintf(`%s: "" ?`, shown(name)), "%s has no value", shown(name))
	case *ast.MappingNode:
		p.notMap(k, value, place, "a text")
	case *ast.SequenceNode:
		p.wrong(place, k.Name, "", "there is a list where a text belongs")
	}
	if ok {
		v.names[name], env[name] = place, s.text
	}
}
