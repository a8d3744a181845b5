package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/config"
	"github.com/lbdev/lbdev/proxy/balance"
)

// ofOneRun are the flags that say what one run is about. In a file they would hold for all.
var ofOneRun = []string{"file", "sample", "print-config"}

// kindsOf are the kinds of keys that a flag's type can take.
func kindsOf(f cli.Flag) []config.Kind {
	switch f.(type) {
	case *cli.IntFlag:
		return []config.Kind{config.Whole}
	case *cli.BoolFlag:
		return []config.Kind{config.Truth}
	case *cli.DurationFlag:
		return []config.Kind{config.Time}
	case *cli.StringSliceFlag:
		return []config.Kind{config.Several, config.Names}
	}
	return []config.Kind{config.Text, config.Size}
}

// TestFlagsAndKeys holds that lbdev.yaml has a key for every flag of up, and no others.
func TestFlagsAndKeys(t *testing.T) {
	flags := map[string]cli.Flag{}
	for _, f := range upFlags() {
		name := f.Names()[0]
		if slices.Contains(ofOneRun, name) {
			continue
		}
		flags[name] = f
		k, ok := config.KeyOf(name)
		if !ok {
			t.Errorf("--%s has no key in lbdev.yaml: add it to config.File", name)
		} else if !slices.Contains(kindsOf(f), k.Kind) {
			t.Errorf("--%s is a %T, and its key is %s", name, f, k.Kind)
		}
	}
	for _, k := range config.Keys() {
		if k.Name != "command" && flags[k.Name] == nil {
			t.Errorf("%s is a key of lbdev.yaml, and no flag of up", k.Name)
		}
	}
}

// TestKeysWords holds that the words of lbdev.yaml are those that the flags take.
func TestKeysWords(t *testing.T) {
	for _, k := range config.Keys() {
		var offered []string
		for _, c := range flagValues[k.Name] {
			offered = append(offered, c.value)
		}
		for _, word := range slices.Concat(k.Enum, k.Known) {
			begin, named := strings.CutSuffix(word, "*")
			if len(offered) > 0 && !slices.ContainsFunc(offered, func(o string) bool { return o == word || named && strings.HasPrefix(o, begin) }) && word != "cookie:*" {
				t.Errorf("%s: %s is not among the flag's values %q", k.Name, word, offered)
			}
		}
		for _, word := range offered {
			text := k.Name + ": \"" + word + "\"\n"
			if _, err := config.Parse("x", []byte(text)); err != nil {
				t.Errorf("%s is a value of --%s, and the file refuses it: %v", word, k.Name, err)
			}
		}
	}
	var rules []string
	for _, r := range balance.Rules() {
		rules = append(rules, strings.Replace(r.Name, "NAME", "*", 1))
	}
	if policy, _ := config.KeyOf("policy"); !slices.Equal(policy.Enum, rules) {
		t.Errorf("lbdev.yaml knows the policies %q, and there are %q", policy.Enum, rules)
	}
}
