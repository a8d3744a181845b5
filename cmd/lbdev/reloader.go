package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/watch"
	"github.com/lbdev/lbdev/config"
)

// How a setting gets to a cluster that runs. Those that are not here need a new start.
var (
	liveKeys    = []string{"workers", "policy", "sticky", "slow-start", "weight", "backup", "badge", "hold"}
	renewedKeys = []string{
		"command", "env", "env-file", "restart", "ready", "ready-path", "ready-timeout", "stop-signal", "stop-timeout", "health-path", "health-interval",
		"health-timeout", "health-fall", "health-rise",
	}
)

// replanPatience is how long the command line may take to be read again. A pipe in place of an env file may be one that nobody writes to; as
// long as it is waited for, no other change of the files counts.
const replanPatience = 30 * time.Second

// A reloader reads the config file again and has the cluster do what it says now. One that is nil does nothing.
type reloader struct {
	plan    *plan
	cluster *cluster.Cluster
	warn    func(error)
	fill    func(string) string // puts the folder of a preset's files into a text; nil = there was no preset
	name    string              // of the file, which need not be there

	ctx      context.Context
	cancel   context.CancelFunc
	watchers sync.WaitGroup

	mu      sync.Mutex     // one reload at a time; guards what follows
	running map[string]any // the values that count
	config  cluster.Config // the same, as the cluster was given them
	there   bool           // there was a file
	empty   bool           // it had nothing in it
	watched []string       // files
	over    bool           // no more are
}

// openReloader prepares to read the config file again. That it can't be watched is told, and no reason not to start.
func (s *session) openReloader() {
	if s.plan.again == nil {
		return
	}
	r := &reloader{
		plan: s.plan, cluster: s.cluster, fill: s.fill, warn: func(err error) { explain(s.stderr, err) }, name: cmp.Or(s.plan.file.FileName(), defaultFile),
		running: s.plan.counts(), config: s.plan.config, there: s.plan.file.FileName() != "", empty: isEmpty(s.plan),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	s.reload = r
	s.api.Reload = func(context.Context) (control.Reloaded, error) { return r.read(r.ctx, true) }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch(s.plan)
}

// watch has changes of a plan's files take effect, and says whether one of them was not watched before: the config file, also while there is
// none, and the env file that it may name. mu is held.
func (r *reloader) watch(p *plan) (more bool) {
	files, warn := []string{r.name}, r.warn
	if p.file.FileName() == "" {
		warn = func(error) {} // nobody has asked for it
	} else if p.envFileName != "" {
		files = append(files, p.envFileName)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return name == os.DevNull || slices.Contains(r.watched, name) })
	if len(files) == 0 || !p.reload || r.over {
		return false
	}
	r.watched = append(r.watched, files...)
	w, err := watch.Open(watch.Config{Files: files, OnChange: r.onChange, Warn: warn})
	if err != nil {
		warn(&commandError{err: err, hint: "after a change:  lbdev reload"})
		return false
	}
	r.watchers.Go(func() {
		defer w.Close()
		w.Run(r.ctx)
	})
	return true
}

// stop ends it. What is under way ends soon: see wait. Both may be called more than once.
func (r *reloader) stop() {
	if r != nil {
		r.cancel()
	}
}

func (r *reloader) wait() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	r.watchers.Wait()
}

// onChange reads the file again because it has changed.
func (r *reloader) onChange(ctx context.Context, _ watch.Change) {
	_, err := r.read(ctx, false)
	if broken, ok := errors.AsType[*control.ConfigError](err); ok {
		r.warn(&commandError{err: broken.Err, hint: broken.Hint})
	}
}

// read is what  lbdev reload  does, and what follows a change of the file.
func (r *reloader) read(ctx context.Context, byHand bool) (control.Reloaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.next(byHand)
	if err == nil && r.watch(next) { // what it has of a file may have changed before that was watched
		next, err = r.next(byHand)
	}
	switch {
	case err == nil:
	case r.ctx.Err() != nil:
		return control.Reloaded{}, errors.New("lbdev is ending")
	default:
		r.cluster.Announce(r.name + " cannot be used, nothing is changed: " + firstLine(err))
		return control.Reloaded{}, configError(err)
	}
	return r.apply(ctx, next)
}

// firstLine is what is wrong first, without the line of the file that shows it.
func firstLine(err error) string {
	if mistakes, ok := errors.AsType[config.Mistakes](err); ok {
		text := mistakes[0].Summary()
		if more := len(mistakes) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
		return text
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// configError is how the error of a plan travels.
func configError(err error) error {
	broken := &control.ConfigError{Err: err}
	if e, ok := errors.AsType[*commandError](err); ok {
		broken.Err, broken.Hint = e.err, e.hint
	}
	return broken
}

// next is the plan as it would be now. A file that is gone or empty is taken for one that is being written, unless somebody has asked
// for it by hand.
func (r *reloader) next(byHand bool) (*plan, error) {
	text, err := readText(r.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.there:
		return nil, fmt.Errorf("cannot find %q any more", r.name)
	case err == nil && !byHand && !r.empty && len(bytes.TrimSpace(text)) == 0:
		return nil, &commandError{err: fmt.Errorf("cannot take an empty %s for what is meant", r.name), hint: "if it is:  lbdev reload"}
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, replanPatience, fmt.Errorf("nothing has come of it for %v", replanPatience))
	defer cancel()
	next, err := r.plan.again(ctx)
	if err != nil {
		return nil, err
	}
	r.fit(next)
	if err := next.config.Validate(); err != nil {
		return nil, next.file.blame(advise(err, next.config.Command))
	}
	return next, nil
}

// fit puts into a preset's command what was not known before its preparation, which is not run again.
func (r *reloader) fit(next *plan) {
	if next.found == nil {
		return
	}
	if r.waits(next) {
		next.config.Command, next.config.Environ, next.config.Env = r.config.Command, r.config.Environ, r.config.Env
		return
	}
	if next.chosen {
		if built, err := next.found.Built(); err == nil {
			next.config.Command = built.Command
		}
	}
	if r.fill != nil {
		next.config.Command, next.config.Env = fillAll(next.config.Command, r.fill), fillAll(next.config.Env, r.fill)
	}
}

// waits says whether the command and the environment of a plan come from another preset that has to prepare something first. That is done
// at a start.
func (r *reloader) waits(next *plan) bool {
	for _, s := range next.all {
		if s.Key == "preset" {
			return next.hasSteps() && !reflect.DeepEqual(s.Value, r.running["preset"])
		}
	}
	return false
}

// hasSteps says whether a preset's command needs something that is made before the workers start.
func (p *plan) hasSteps() bool {
	if p.found == nil {
		return false
	}
	asks := func(text string) bool { return strings.Contains(text, privateWord) }
	return len(p.tasks()) > 0 || len(p.found.Files) > 0 || slices.ContainsFunc(slices.Concat(p.config.Command, p.config.Env), asks)
}

func isEmpty(p *plan) bool {
	return !slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return p.file.Has(k.Name) })
}

// counts are the values of all settings, to be compared.
func (p *plan) counts() map[string]any {
	values := map[string]any{}
	for _, s := range p.all {
		values[s.Key] = s.Value
		if env, ok := s.Value.([]variable); ok {
			pairs := map[string]string{}
			for _, v := range env {
				pairs[v.name] = v.value
			}
			values[s.Key] = pairs
		}
	}
	values["command"] = p.config.Command // also if it was built, or has a folder in it, since
	if values["env-file"] != nil {       // what is in it counts, too
		values["env-file"] = [2]any{values["env-file"], p.config.EnvFile}
	}
	return values
}

// apply has the cluster do what is new in a plan. What fails is told, and what is independent of it is done.
func (r *reloader) apply(ctx context.Context, next *plan) (control.Reloaded, error) {
	done := control.Reloaded{File: next.file.FileName(), Applied: []string{}, Needs: []string{}}
	values := next.counts()
	var live, renewed, said []string
	for _, k := range config.Keys() {
		if reflect.DeepEqual(values[k.Name], r.running[k.Name]) {
			continue
		}
		switch {
		case k.Name == "env" && r.waits(next):
			continue
		case k.Name == "hold" && r.config.Front != nil: // another front is told so when it starts, if it can hold requests at all
			done.Needs = append(done.Needs, k.Name)
			continue
		case slices.Contains(liveKeys, k.Name):
			live = append(live, k.Name)
		case slices.Contains(renewedKeys, k.Name), k.Name == "preset" && !r.waits(next):
			renewed = append(renewed, k.Name)
		default:
			done.Needs = append(done.Needs, k.Name)
			continue
		}
		said = append(said, changeText(k.Name, r.running[k.Name], values[k.Name]))
	}
	r.there, r.empty = next.file.FileName() != "", isEmpty(next)
	if len(said) > 0 {
		r.cluster.Announce(r.name + " changed: " + strings.Join(said, ", "))
	}
	if len(done.Needs) > 0 {
		r.cluster.Announce(r.name + ": " + needsText(done.Needs))
	}
	err := r.do(ctx, next, live, renewed, func(keys ...string) {
		for _, key := range keys {
			r.running[key] = values[key]
		}
		done.Applied = append(done.Applied, keys...)
	})
	if _, told := errors.AsType[*cluster.ComeBackError](err); err != nil && !told && ctx.Err() == nil {
		r.cluster.Announce(r.name + ": " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	done.Restarted = slices.ContainsFunc(done.Applied, func(key string) bool { return key == "preset" || slices.Contains(renewedKeys, key) && key != "restart" })
	return done, err
}

// changeText is such as "workers 2 → 4"; of what is long or may be secret only the name.
func changeText(key string, before, after any) string {
	for _, value := range []any{before, after} {
		switch value.(type) {
		case string, int, bool:
		default:
			return key
		}
	}
	return fmt.Sprintf("%s %v → %v", key, before, after)
}

// do changes the cluster: fewer workers before a restart, so that none is restarted in vain, and more after it, with the new settings.
func (r *reloader) do(ctx context.Context, next *plan, live, renewed []string, did func(...string)) error {
	var faults []error
	step := func(err error, keys ...string) {
		if err != nil {
			faults = append(faults, err)
			return
		}
		did(keys...)
	}
	asked := func(keys ...string) []string {
		return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(live, key) })
	}
	c, want := r.cluster, &next.config
	if keys := asked("policy", "sticky", "slow-start"); len(keys) > 0 {
		step(c.SetBalancing(cluster.Balancing{Policy: &want.Policy, Sticky: &want.Sticky, SlowStart: &want.SlowStart}), keys...)
	}
	if keys := asked("badge"); len(keys) > 0 {
		step(c.SetBadge(want.Badge), keys...)
	}
	if keys := asked("hold"); len(keys) > 0 {
		step(c.SetHold(want.Hold), keys...)
	}
	scales := len(asked("workers")) > 0
	fewer := want.Workers < len(c.Ports())
	if scales && fewer {
		step(c.Scale(ctx, want.Workers, nil), "workers")
	}
	if len(renewed) > 0 {
		err := r.renew(ctx, *want)
		if err == nil {
			r.config = *want
		}
		step(err, renewed...)
	}
	if scales && !fewer {
		step(c.Scale(ctx, want.Workers, nil), "workers")
	}
	if keys := asked("weight", "backup"); len(keys) > 0 {
		step(c.SetShares(*want), keys...)
	}
	return errors.Join(faults...)
}

// renew waits for a rolling restart that is under way.
func (r *reloader) renew(ctx context.Context, want cluster.Config) error {
	for {
		err := r.cluster.Renew(ctx, want, nil)
		if !errors.Is(err, cluster.ErrRolling) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rollingPoll):
		}
	}
}

// replan reads the command line, the environment and the file once more, as if lbdev were started now.
func replan(ctx context.Context, c *cli.Context) (*plan, error) {
	words, _ := c.App.Metadata[wordsKey].([]string)
	app := newApp(fileOf(c.App.Writer), fileOf(c.App.ErrWriter))
	app.Metadata = c.App.Metadata
	var p *plan
	for _, command := range app.Commands {
		if command.Name == c.Command.Name {
			command.Action = func(c *cli.Context) (err error) {
				p, err = planUp(c)
				return err
			}
		}
	}
	err := app.RunContext(ctx, words)
	return p, err
}
