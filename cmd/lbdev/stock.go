package main

import (
	"context"
	"slices"
	"strings"
	"time"

	psprocess "github.com/shirou/gopsutil/v4/process"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/rundir"
)

// A stock is what there is of lbdevs on this machine, as far as it is our user's: those that run, and what those that have
// crashed left behind.
type stock struct {
	clusters []control.Found // that run, whether they answer or not
	relics   []*relic
	unsure   []remnant // in doubt whether their lbdev lives
}

// A relic is what one crashed lbdev has left behind.
type relic struct {
	Name      string    `json:"name"`             // its cluster's; empty where nothing tells it
	Folder    string    `json:"folder"`           // the same
	PID       int       `json:"pid,omitempty"`    // which the lbdev had
	Started   time.Time `json:"started,omitzero"` // the lbdev, or else the oldest of its processes
	Why       string    `json:"why,omitempty"`    // what is wrong with its state file
	Files     []string  `json:"files"`
	Processes []remnant `json:"processes"`
	Suspects  []suspect `json:"suspects"` // who has its workers' ports now, and no mark; they are left alone

	mark  string
	found *control.Found // nil where there are no files
}

// A suspect is a process that may have been left behind, or be another program by now.
type suspect struct {
	PID  int `json:"pid"`
	Port int `json:"port"`
}

// A remnant is a process that has lost its lbdev.
type remnant struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Ports   []int     `json:"ports"`
	Started time.Time `json:"started,omitzero"`
}

func remnantOf(l procs.Leftover) remnant {
	return remnant{PID: l.Pid, Command: l.Command, Ports: append([]int{}, l.Ports...), Started: l.Began}
}

// takeStock looks at everything. It takes a second if a cluster doesn't answer, and nothing of it is changed.
func takeStock(ctx context.Context) (*stock, error) {
	dir, err := control.Default()
	if err != nil {
		return nil, err
	}
	found, err := dir.List(ctx)
	if err != nil {
		return nil, err
	}
	s := &stock{}
	for _, f := range found {
		if runs(f) {
			s.clusters = append(s.clusters, f)
			continue
		}
		s.relics = append(s.relics, &relic{
			Name: f.Name, Folder: f.Folder, PID: f.PID, Started: f.Started, Why: f.Why, Files: f.Files, Processes: []remnant{}, Suspects: []suspect{},
			mark: f.Mark, found: &f,
		})
	}
	orphans, unsure := procs.Orphans(s.living()...)
	for _, l := range orphans {
		r := s.relicOf(l)
		r.Processes = append(r.Processes, remnantOf(l))
	}
	for _, folder := range leftFolders(dir) {
		r := s.relicOfPID(rundir.Owner(folder))
		r.Files = append(r.Files, folder)
	}
	for _, r := range s.relics {
		s.suspect(r)
	}
	for _, l := range unsure {
		s.unsure = append(s.unsure, remnantOf(l))
	}
	return s, nil
}

// relicOfPID is what belongs to the lbdev that had this pid.
func (s *stock) relicOfPID(pid int) *relic {
	if i := slices.IndexFunc(s.relics, func(r *relic) bool { return r.PID == pid }); i >= 0 {
		return s.relics[i]
	}
	r := &relic{PID: pid, Files: []string{}, Processes: []remnant{}, Suspects: []suspect{}}
	s.relics = append(s.relics, r)
	return r
}

// runs says whether a cluster runs: somebody has its socket, or its lbdev lives although somebody took that away.
func runs(f control.Found) bool {
	return f.Status == control.Running || f.Status == control.Silent || f.ProcStart != 0 && procs.Alive(f.PID, f.ProcStart)
}

// living are the lbdevs of the clusters that run.
func (s *stock) living() []procs.Leader {
	var living []procs.Leader
	for _, f := range s.clusters {
		start := f.ProcStart
		if start == 0 { // its state file is gone or of another hand; what has its socket answered with this pid
			start, _ = procs.StartTime(f.PID)
		}
		living = append(living, procs.Leader{Pid: f.PID, Start: start})
	}
	return living
}

// relicOf is what an orphan belongs to.
func (s *stock) relicOf(l procs.Leftover) *relic {
	mark := ""
	if len(l.Owners) > 0 {
		mark = l.Owners[len(l.Owners)-1]
	}
	i := slices.IndexFunc(s.relics, func(r *relic) bool { return r.mark == mark })
	if i >= 0 {
		r := s.relics[i]
		if r.found == nil && l.Began.Before(r.Started) {
			r.Started = l.Began
		}
		return r
	}
	r := &relic{Started: l.Began, Files: []string{}, Suspects: []suspect{}, mark: mark}
	if owner, ok := procs.Owner(mark); ok {
		r.PID = owner.Pid
	}
	r.Name, r.Folder = whence(l.Pid)
	s.relics = append(s.relics, r)
	return r
}

// suspect finds those who listen on the ports of a crashed cluster although nothing shows whose they are: where there are no
// marks, or when they dropped their environment.
func (s *stock) suspect(r *relic) {
	if r.found == nil {
		return
	}
	for _, port := range r.found.Ports {
		pid := procs.Listener(port)
		seat, _ := s.seat(port)
		_, owned := procs.OwnerOf(pid)
		if pid != 0 && seat == "" && !owned && !r.hasAny([]int{pid}) {
			r.Suspects = append(r.Suspects, suspect{pid, port})
		}
	}
}

func (r *relic) suspects(pid int) bool {
	return slices.ContainsFunc(r.Suspects, func(s suspect) bool { return s.PID == pid })
}

// whence is what a process itself shows of its cluster.
func whence(pid int) (name, folder string) {
	p := psprocess.Process{Pid: int32(pid)}
	env, _ := p.Environ() // without it the name is not known
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "LBDEV_CLUSTER="); ok {
			name = value
		}
	}
	folder, _ = p.Cwd()
	return name, folder
}

// processes and files are how many have been left behind in all.
func (s *stock) processes() (n int) {
	for _, r := range s.relics {
		n += len(r.Processes)
	}
	return n
}

func (s *stock) files() (n int) {
	for _, r := range s.relics {
		n += len(r.Files)
	}
	return n
}

func (s *stock) unsurePIDs() []int {
	var pids []int
	for _, p := range s.unsure {
		pids = append(pids, p.PID)
	}
	return pids
}

// title is what people call a relic's cluster.
func (r *relic) title() string {
	if r.Name == "" {
		return "a cluster without a name"
	}
	return r.Name
}
