//go:build unix

package fronts

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

var nginx = &kind{
	name: "nginx", title: "nginx", programs: []string{"nginx"}, version: "-v",
	wrap: wrapNginx,
	argv: func(r *room) []string { return []string{r.program.Path, "-p", r.dir, "-c", r.path("nginx.conf")} },
	check: func(r *room) []string {
		return []string{r.program.Path, "-t", "-q", "-p", r.dir, "-c", r.path("nginx.conf")}
	},
	reloadSignal: syscall.SIGHUP,
	stopSignal:   syscall.SIGQUIT,
	hear:         hearNginx,
	reader:       func(r *room) reader { return nginxReader{r, map[string]bool{}} },
}

// wrapNginx has one process take the requests: each counts turns for itself where the upstream has no zone, and starts with the first worker
// where it has one. The log is named by its place in the folder of -p: in a whole path nginx would look for variables.
func wrapNginx(_ context.Context, r *room, piece string) (map[string]string, error) {
	user := ""
	if r.user != "" {
		user = "user " + r.user + ";\n" // else root's nginx serves as nobody, who may not enter this folder
	}
	main := user + `daemon off;
worker_processes 1;
pid pid;
error_log stderr notice;
error_log log error;
events { worker_connections 1024; }
http {
    log_format lbdev_run escape=json '{"at":"$msec","method":"$request_method","uri":"$request_uri","proto":"$server_protocol",'
        '"request":"$request","host":"$http_host","client":"$remote_addr","user":"$remote_user","status":"$status","bytes":"$body_bytes_sent","took":"$request_time",'
        '"whole":"$request_completion","addr":"$upstream_addr","results":"$upstream_status","connects":"$upstream_connect_time",'
        '"heads":"$upstream_header_time","tooks":"$upstream_response_time","sizes":"$upstream_response_length","length":"$sent_http_content_length","connection":"$connection","agent":"$http_user_agent","referer":"$http_referer"}';
    access_log log lbdev_run;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
    include piece.conf;
}
`
	return map[string]string{"nginx.conf": main, "piece.conf": piece}, nil
}

func quoted(path string) string { return strconv.Quote(path) }

var nginxLine = regexp.MustCompile(`^\S+ \S+ \[(\w+)\] (\d+)#\d+: (?:\*\d+ )?(.*)`)

func hearNginx(line string) (o omen) {
	m := nginxLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		o.show = line
	case strings.HasPrefix(m[3], "start worker process "):
		o.ready = true
	case strings.HasPrefix(m[3], "signal 3 (SIGQUIT) received"):
		o.leaving = true
	case m[3] == "gracefully shutting down":
		o.left = number(m[2])
	case m[1] != "notice" && m[1] != "info" && m[1] != "debug":
		o.show = m[1] + ": " + m[3]
	}
	return o
}

// nginxReader reads a line for each request, in which nginx tells all that there is to know, but for this: that a worker ended an answer
// of unknown length too early is an error, which comes before that line.
type nginxReader struct {
	room *room
	cut  map[string]bool // by the client's connection
}

var nginxCut = regexp.MustCompile(`^\S+ \S+ \[error\] \d+#\d+: \*(\d+) upstream prematurely closed connection while reading upstream,`)

// A nginxRecord is such a line. Lists are "a, b" for what one upstream block tried; ": " comes between two blocks.
type nginxRecord struct {
	At, Method, URI, Proto, Request, Host, Client, User, Status, Bytes, Took string
	Whole                                                                    string // "OK" or empty
	Addr, Results, Connects, Heads, Tooks, Sizes, Length, Connection         string
	Agent, Referer                                                           string
}

func (n nginxReader) read(line string) (*proxy.Access, string) {
	if m := nginxCut.FindStringSubmatch(line); m != nil {
		if len(n.cut) > mostTries {
			clear(n.cut)
		}
		n.cut[m[1]] = true
	}
	if nginxLine.MatchString(line) {
		return nil, "" // it prints it, too
	}
	var l nginxRecord
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil || l.Took == "" {
		return nil, line
	}
	a := &proxy.Access{
		Method: told(l.Method), Path: told(l.URI), Proto: told(l.Proto), Host: told(l.Host), Client: told(l.Client), User: told(l.User),
		Referer: told(l.Referer), UserAgent: told(l.Agent), Status: number(l.Status), Total: seconds(l.Took), Outcome: proxy.OK,
	}
	a.Bytes, _ = strconv.ParseInt(l.Bytes, 10, 64)
	if a.Method == "" { // what nginx could not read
		requestLine(a, l.Request)
	}
	at, err := strconv.ParseFloat(l.At, 64)
	if err != nil || at < 0 || at > 1e11 {
		return nil, line
	}
	a.Start = time.UnixMicro(int64(at * 1e6)).Add(-a.Total)
	n.attempts(a, &l)
	n.judge(a, &l)
	return a, ""
}

// each is a list of nginx's: one value for each worker that was asked.
func each(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(list, " : ", ", "), ", ")
}

func (n nginxReader) attempts(a *proxy.Access, l *nginxRecord) {
	results, connects, heads, tooks := each(l.Results), each(l.Connects), each(l.Heads), each(l.Tooks)
	for i, address := range each(l.Addr) {
		port := n.room.port(address)
		if port == 0 { // the upstream's name: no worker was left to be asked
			continue
		}
		at := proxy.Attempt{Port: port, Connect: seconds(nth(connects, i)), FirstByte: seconds(nth(heads, i)), Total: seconds(nth(tooks, i))}
		status := number(nth(results, i))
		_, headErr := strconv.ParseFloat(nth(heads, i), 64)
		_, connectErr := strconv.ParseFloat(nth(connects, i), 64)
		at.Sent = connectErr == nil
		switch {
		case headErr == nil && isStatus(status): // a head came from it
			at.Result = strconv.Itoa(status)
			at.FirstByte = max(at.FirstByte, time.Millisecond/2) // nginx counts whole milliseconds
		case status == 504:
			at.Result = proxy.ResultTimeout
		case connectErr != nil && status == 502:
			at.Result = proxy.ResultRefused
		case status == 502:
			at.Result = proxy.ResultClosed
		default:
			at.Result = proxy.ResultCanceled
		}
		a.Attempts = append(a.Attempts, at)
	}
	spread(a)
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// judge says how it ended for the client.
func (n nginxReader) judge(a *proxy.Access, l *nginxRecord) {
	last := ""
	if k := len(a.Attempts); k > 0 {
		last = a.Attempts[k-1].Result
	}
	switch {
	case a.Status == 499: // nginx's own: the client closed the connection
		a.Status, a.Outcome, a.Reason = 0, proxy.Canceled, "the client went away"
	case isStatus(number(last)):
		answered(a, number(last))
		a.Status = number(l.Status)
		n.complete(a, l)
	case len(a.Attempts) > 0 || blames(a.Status):
		a.Outcome, a.Reason = proxy.Failed, "no worker was left to be asked"
		if len(a.Attempts) > 0 {
			a.Reason = fmt.Sprintf("worker %d: %s", a.Attempts[len(a.Attempts)-1].Port, last)
		}
	default:
		a.Reason = "answered by nginx itself"
	}
}

// complete says who ended an answer that is not complete. Where a worker had announced a length, less came than that.
func (n nginxReader) complete(a *proxy.Access, l *nginxRecord) {
	sizes := each(l.Sizes)
	size, sizeErr := strconv.ParseInt(nth(sizes, len(sizes)-1), 10, 64)
	length, lengthErr := strconv.ParseInt(l.Length, 10, 64)
	cut := n.cut[l.Connection]
	delete(n.cut, l.Connection)
	switch {
	case a.Status == 101 || a.Status == 304 || a.Method == "HEAD":
	case l.Whole == "":
		a.Outcome, a.Reason = proxy.Canceled, "the client went away"
	case cut, sizeErr == nil && lengthErr == nil && size < length:
		a.Outcome, a.Reason = proxy.Cut, cutShort
		a.Attempts[len(a.Attempts)-1].Result = proxy.ResultClosed
	}
}
