package misbehave

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// port is the one that we were told.
func port() string {
	if p := os.Getenv("PORT"); p != "" {
		return p
	}
	return "0"
}

func serve(args []string) {
	pause(number(args, 0, 0))
	listen(net.JoinHostPort("127.0.0.1", port()), answer())
}

func serveCrash(args []string) {
	time.AfterFunc(time.Duration(number(args, 0, 500))*time.Millisecond, func() {
		fmt.Println("crashing")
		os.Exit(1)
	})
	serve(nil)
}

func serveV6([]string)    { listen(net.JoinHostPort("::1", port()), answer()) }
func serveOther([]string) { listen("127.0.0.1:0", answer()) }

func serveDeaf([]string) {
	signal.Ignore(syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	serve(nil)
}

func serveHeld([]string) {
	start(inSession(child("serve")))
	up()
}

func serveRefuse([]string) {
	listen(net.JoinHostPort("127.0.0.1", port()), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not today", http.StatusServiceUnavailable)
	}))
}

// serveSingle closes each connection after its request.
func serveSingle([]string) {
	one := make(chan struct{}, 1)
	h := answer()
	listen(net.JoinHostPort("127.0.0.1", port()), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one <- struct{}{}
		defer func() { <-one }()
		fmt.Println("ran", r.URL)
		w.Header().Set("Connection", "close")
		h.ServeHTTP(w, r)
	}))
}

func serveTCP([]string) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port()))
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot listen: %v\n", err)
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() {
			defer c.Close()
			fmt.Fprintf(c, "port %s pid %d\n", port(), os.Getpid())
			io.Copy(c, c)
		}()
	}
}

func reload([]string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	server := start(child("serve"))
	<-told
	server.Process.Signal(syscall.SIGTERM)
	server.Wait()
}

// listen serves for ever; a port that is taken ends it as it ends most apps.
func listen(address string, h http.Handler) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot listen: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("listening on", l.Addr())
	http.Serve(l, h)
}

func answer() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "port %s pid %d\n", port(), os.Getpid())
	})
	mux.HandleFunc("/crash", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("crashing")
		os.Exit(1)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.FormValue("ms"))
		pause(ms)
		fmt.Fprintf(w, "port %s pid %d\n", port(), os.Getpid())
	})
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		fmt.Fprintf(w, "%s %s for %s host %s\n", h.Get("X-Forwarded-Proto"), r.Host, strings.Join(h["X-Forwarded-For"], ";"), h.Get("X-Forwarded-Host"))
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:"+port()+"/seen", http.StatusFound)
	})
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
}

// echo answers with the request as it came, in the coding that is asked for.
func echo(w http.ResponseWriter, r *http.Request) {
	text, err := httputil.DumpRequest(r, true)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Set-Cookie", "seen=yes")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write(text)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	packed.Write(text)
	packed.Close()
}
