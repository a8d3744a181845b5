//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
)

// bashCompletion is where Debian, Fedora and Homebrew put the package's script.
const bashCompletion = `for f in {/usr/share,/opt/homebrew/share,/usr/local/share}/bash-completion/bash_completion; do
	if [ -r $f ]; then source $f; break; fi
done
`

const loadInBash = `eval "$(lbdev completion bash)"` + "\n"

// callInBash calls the function that is registered for lbdev as bash does it, with its words cut at = and :, and shows what it
// offers. compopt works only while bash itself completes; bash 3.2 has none at all.
const callInBash = `
compopt() { return 1; }
try() {
	COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=${TYPE:-9} COMP_WORDS=() COMPREPLY=()
	local word rest=$1
	while [[ $rest =~ ^[[:space:]]*([=:]+|[^[:space:]=:]+)(.*)$ ]]; do
		COMP_WORDS+=("${BASH_REMATCH[1]}") rest=${BASH_REMATCH[2]}
	done
	[[ $1 == *' ' ]] && COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	local f=$(complete -p lbdev)
	[[ $f =~ -F\ ([^ ]+) ]]
	"${BASH_REMATCH[1]}" lbdev "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}
`

func TestCompleteInBash(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	for name, load := range map[string]string{"alone": loadInBash, "with bash-completion": bashCompletion + loadInBash} {
		if name != "alone" && !strings.Contains(c.output("bash", "--norc", "-c", load+"declare -F _init_completion _comp_initialize || true"), "_") {
			t.Fatal("the package bash-completion is not installed")
		}
		try := func(setting, line string) string {
			t.Helper()
			return c.output("bash", "--norc", "-c", load+callInBash+setting+` try "$1"`, "bash", line)
		}
		for _, tt := range []struct {
			line string
			want []string
		}{
			{"lbdev kil", []string{"kill"}},
			{"lbdev kill ", []string{"1", "2", c.port(1), c.port(2), "all"}},
			{"lbdev kill 2 ", []string{"1", c.port(1)}},
			{"lbdev ps --name my", []string{`my\ shop`}},
			{"lbdev ps --name=m", []string{`my\ shop`}},
			{"lbdev up --restart=", []string{"always", "on-failure", "never"}},
			{"lbdev up --restart=on", []string{"on-failure"}},
			{"lbdev up --restart on", []string{"on-failure"}},
			{"lbdev up -l 127.0.0.1:80 --rest", []string{"--restart"}},
			{"lbdev up --file se", []string{"settings.yaml"}},
			{"lbdev up --file=se", []string{"settings.yaml"}},
			{"lbdev up -- mkfif", []string{"mkfifo"}},
			{"lbdev up -n 2 mkfif", []string{"mkfifo"}},
			{"lbdev up -l 127.0.0.1:80 -- cat se", []string{"settings.yaml"}},
			{"lbdev kill nosuch", []string{""}},
		} {
			got := slices.Compact(strings.Split(strings.TrimSpace(try("", tt.line)), "\n")) // as bash does it
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: after %q\n got %q\nwant %q", name, tt.line, got, tt.want)
			}
		}
		// What is only listed says what it is.
		c.wantLines("kill , listed", try("TYPE=63", "lbdev kill "),
			"1      "+c.port(1)+" ready", "2      "+c.port(2)+" ready", c.port(1)+"  worker 1 ready", c.port(2)+"  worker 2 ready", "all    2 workers")
		c.wantLines("kill a, listed", try("TYPE=63", "lbdev kill a"), "all")
	}
}

// TestCompleteOnBashTerminal presses the key, where bash itself cuts the words and puts the answer into the line.
func TestCompleteOnBashTerminal(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	for name, load := range map[string]string{"alone": loadInBash, "with bash-completion": bashCompletion + loadInBash} {
		t.Run(name, func(t *testing.T) {
			s := c.shell(t, nil, "bash", "--noprofile", "--rcfile", c.file(t, load+"PS1='ready> '", "bashrc"), "-i")
			s.wantLine("lbdev pau\t", "lbdev pause ")
			s.wantLine("lbdev kill al\t", "lbdev kill all ")
			s.wantLine("lbdev kill 2 "+c.port(1)+"\t", "lbdev kill 2 "+c.port(1)+" ")
			s.wantLine("lbdev kill --name m\t al\t", `lbdev kill --name my\ shop all `)
			s.wantLine("lbdev kill --name=m\t al\t", `lbdev kill --name=my\ shop all `)
			s.wantLine(`lbdev kill --name my\ s`+"\t", `lbdev kill --name my\ shop `)
			s.wantLine("lbdev kill --name 'my s\t al\t", "lbdev kill --name 'my shop' all ")
			s.wantLine("lbdev up --restart=ne\t", "lbdev up --restart=never ")
			s.wantLine("lbdev up -f se\t", "lbdev up -f settings.yaml ")
			s.wantLine("lbdev up --file=fold\tins\t", "lbdev up --file=folder/inside ")
			s.wantLine("lbdev up -l 127.0.0.1:80 -- ./run\t", "lbdev up -l 127.0.0.1:80 -- ./run-me ")
			s.wantLine("lbdev up cat se\t", "lbdev up cat settings.yaml ")
			s.list("lbdev kill \t\t", "1      "+c.port(1)+" ready", c.port(2)+"  worker 2 ready", "all    2 workers")
		})
	}
}
