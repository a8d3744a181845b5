package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/dashboard"
	"github.com/lbdev/lbdev/templates"
)

const noDashboard = "off"

// planDashboard reads where the dashboard is served.
func (p *plan) planDashboard(text string, given bool) (err error) {
	if text == noDashboard {
		return nil
	}
	if text == "" { // where that is taken it moves, as nobody has asked for it
		text, given = strconv.Itoa(cluster.DashboardPort), false
	}
	if p.dashboard, err = parseListen(text); err != nil {
		return err
	}
	p.dashboardMoves, p.config.Inspect = !given, true
	fault := func(why string) error { return fmt.Errorf("cannot serve the dashboard on %q: %s", p.dashboard, why) }
	_, portText, err := net.SplitHostPort(p.dashboard)
	if err != nil || strings.HasPrefix(p.dashboard, "unix:") {
		return fault("it must be PORT, ADDRESS:PORT or off")
	}
	if p.dashboardMoves {
		return nil
	}
	if slices.Contains(append(p.config.MoreListen, p.config.Listen, p.config.Redirect), p.dashboard) {
		return fault("the front is there")
	}
	if p.dashboard == p.metrics {
		return fault("the metrics are there")
	}
	port, _ := strconv.Atoi(portText) // parseListen has seen to it
	if worker := port - p.config.BasePort + 1; p.config.BasePort > 0 && worker >= 1 && worker <= p.config.Workers {
		return fault(fmt.Sprintf("the port is worker %d's", worker))
	}
	return nil
}

// openDashboard serves the dashboard, if there is to be one. What it needs is open.
func (s *session) openDashboard() error {
	if s.plan.dashboard == "" {
		return nil
	}
	listener, err := s.listenForDashboard()
	if err != nil {
		return err
	}
	d := &dashboard.Server{
		Cluster: s.cluster, API: s.api.API(), Files: templates.Dashboard(), Version: buildVersion().Version,
		Token: s.secret("dashboard"),
	}
	if address := listener.Addr().(*net.TCPAddr); !address.IP.IsLoopback() {
		d.ReadToken = s.secret("dashboard, for reading")
	}
	if err := d.Open(listener); err != nil {
		listener.Close()
		return err
	}
	s.dashboard = d
	s.cluster.HasDashboard(d.Address())
	return nil
}

func (s *session) listenForDashboard() (net.Listener, error) {
	if !s.plan.dashboardMoves {
		return cluster.Listen("dashboard", s.plan.dashboard)
	}
	listener, moved, err := s.cluster.ListenNear("dashboard", cluster.DashboardPort)
	s.dashboardMoved = moved
	return listener, err
}

// secret lets into the dashboard. It is the same the next time, so that pages which are open find the way back.
func (s *session) secret(purpose string) string {
	if dir, err := control.Default(); err == nil {
		if secret, err := dir.Secret(purpose + " of " + s.cluster.Snapshot().Name); err == nil {
			return secret
		}
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// closeDashboard tells the pages that it is over.
func (s *session) closeDashboard() {
	if s.dashboard == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), doorPatience)
	defer cancel()
	s.dashboard.Close(ctx) // its error is somebody who does not read
}

// dashboardRemarks are what people must know of it.
func (s *session) dashboardRemarks() (remarks []string) {
	if s.dashboardMoved != nil {
		remarks = append(remarks, movedText(*s.dashboardMoved))
	}
	if s.dashboard != nil && s.dashboard.ReadURL() != "" {
		remarks = append(remarks,
			"warning: everyone who can reach this machine and has the dashboard's URL can change the cluster",
			"to let others look and nothing else, give them "+s.dashboard.ReadURL())
	}
	return remarks
}
