//go:build unix

package main

import (
	"path/filepath"
	"testing"
)

const zshrc = `
PS1='ready> '
unsetopt prompt_sp
bindkey -e
autoload -U compinit
compinit -u -D
`

// TestCompleteInZsh presses the key in a shell that has the script from its start-up file, and in one that loads it as a
// function, as it does with a file of $fpath.
func TestCompleteInZsh(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	for name, rc := range map[string]string{
		"sourced":  zshrc + "source <(lbdev completion zsh)\n",
		"autoload": "mkdir $ZDOTDIR/f; lbdev completion zsh > $ZDOTDIR/f/_lbdev; fpath=($ZDOTDIR/f $fpath)\n" + zshrc,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Dir(c.file(t, rc, ".zshrc"))
			s := c.shell(t, []string{"ZDOTDIR=" + dir}, "zsh", "-i")
			// zsh takes the space that it has put after a word away again when something else than text follows, unless
			// one is typed.
			want := func(keys, line string) {
				t.Helper()
				s.wantLine(keys+" ", line)
			}
			want("lbdev pau\t", "lbdev pause ")
			want("lbdev kill al\t", "lbdev kill all ")
			want("lbdev kill 2 "+c.port(1)+"\t", "lbdev kill 2 "+c.port(1)+" ")
			want("lbdev kill --name m\tal\t", `lbdev kill --name my\ shop all `)
			want("lbdev kill --name=m\tal\t", `lbdev kill --name=my\ shop all `)
			want(`lbdev kill --name my\ s`+"\tal\t", `lbdev kill --name my\ shop all `)
			want("lbdev kill --name 'my s\tal\t", "lbdev kill --name 'my shop' all ")
			want("lbdev up --restart=ne\t", "lbdev up --restart=never ")
			want("lbdev up -f se\t", "lbdev up -f settings.yaml ")
			want("lbdev up --file=fold\tins\t", "lbdev up --file=folder/inside ")
			want("lbdev up -l 127.0.0.1:80 -- ./run\t", "lbdev up -l 127.0.0.1:80 -- ./run-me ")
			want("lbdev up -n 2 mkfif\t", "lbdev up -n 2 mkfifo ")
			want("lbdev up cat se\t", "lbdev up cat settings.yaml ")
			s.list("lbdev kill \t", "1      -- "+c.port(1)+" ready", c.port(2)+"  -- worker 2 ready", "all    -- 2 workers")
		})
	}
}
