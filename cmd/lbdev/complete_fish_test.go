//go:build unix

package main

import "testing"

const loadInFish = "lbdev completion fish | source\n"

func TestCompleteInFish(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"lbdev kill ", []string{"1\t" + c.port(1) + " ready", c.port(1) + "\tworker 1 ready", "2\t" + c.port(2) + " ready", c.port(2) + "\tworker 2 ready", "all\t2 workers"}},
		{"lbdev kill 2 ", []string{"1\t" + c.port(1) + " ready", c.port(1) + "\tworker 1 ready"}},
		{"LBDEV_WORKERS=2 lbdev kill a", []string{"all\t2 workers"}},
		{"lbdev kill --name 'my shop' a", []string{"all\t2 workers"}},
		{"lbdev kill --name gone ", []string{""}},
		{"lbdev ps --name m", []string{"my shop\t2 workers in " + c.dir}},
		{"lbdev up --restart=o", []string{"--restart=on-failure\tafter every exit but one with code 0"}},
		{"lbdev up --file se", []string{"settings.yaml"}},
		{"lbdev up --file=se", []string{"--file=settings.yaml"}},
		{"lbdev up --file=nosuch", []string{""}},
		{"lbdev up -n 2 cat se", []string{"settings.yaml"}},
		{"LBDEV_WORKERS=2 lbdev up -n 2 -- cat se", []string{"settings.yaml"}},
		{"lbdev kill --nosuch", []string{""}},
	} {
		got := c.output("fish", "--no-config", "-c", loadInFish+"complete -C $argv[1]", tt.line)
		c.wantSorted(tt.line, got, tt.want...)
	}
}

func TestCompleteOnFishTerminal(t *testing.T) {
	t.Parallel()
	c := newCompletionTest(t)
	s := c.shell(t, nil, "fish", "--no-config", "-i", "-C", "function fish_prompt; echo -n 'ready> '; end\n"+loadInFish)
	s.wantLine("lbdev pau\t", "lbdev pause ")
	s.wantLine("lbdev kill al\t", "lbdev kill all ")
	s.wantLine("lbdev kill 2 "+c.port(1)+"\t", "lbdev kill 2 "+c.port(1)+" ")
	s.wantLine("lbdev kill --name m\tal\t", `lbdev kill --name my\ shop all `)
	s.wantLine("lbdev kill --name=m\tal\t", `lbdev kill --name=my\ shop all `)
	s.wantLine("lbdev up --restart=ne\t", "lbdev up --restart=never ")
	s.wantLine("lbdev up --file se\t", "lbdev up --file settings.yaml ")
	s.wantLine("lbdev up --file=se\t", "lbdev up --file=settings.yaml ")
	s.wantLine("lbdev up -l 127.0.0.1:80 -- ./run\t", "lbdev up -l 127.0.0.1:80 -- ./run-me ")
	s.wantLine("lbdev up cat se\t", "lbdev up cat settings.yaml ")
	s.list("lbdev kill \t", "("+c.port(1)+" ready)", "(worker 2 ready)", "(2 workers)")
}
