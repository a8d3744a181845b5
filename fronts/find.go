//go:build unix

package fronts

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lbdev/lbdev/procs"
)

// kinds are all of them.
var kinds = []*kind{nginx, haproxy, apache, caddy}

// places are where systems keep servers that a user's PATH leaves out: Debian has them in /usr/sbin.
var places = []string{"/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin"}

// Find looks for a program by its name, in the PATH of env and in the usual places.
func Find(name string, env []string) (*Program, error) { return find(name, env, places) }

func find(name string, env, places []string) (*Program, error) {
	i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name == name })
	if i < 0 {
		return nil, fmt.Errorf("cannot use %q as the front: it must be lbdev, %s", name, strings.Join(Names(), ", "))
	}
	k := kinds[i]
	for _, program := range k.programs {
		path, err := procs.Lookup(program, "", env)
		for _, place := range places {
			if err == nil {
				break
			}
			path, err = procs.Lookup(filepath.Join(place, program), "", env)
		}
		if err == nil {
			return &Program{Name: k.name, Title: k.title, Path: path, Version: version(path, k.version), kind: k}, nil
		}
	}
	return nil, &MissingError{Name: k.title, Tried: k.programs, Where: places}
}

var versionPattern = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// version asks a program for its version, which it may print on either stream.
func version(path, flag string) string {
	out, said, err := ask(context.Background(), "", nil, path, flag)
	if err != nil {
		return ""
	}
	return versionPattern.FindString(out + said)
}
