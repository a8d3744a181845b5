// Command bench measures lbdev beside what people would use instead, in one run on one machine, and prints tables.
//
// Fronts: CPU per request and latency of lbdev and of nginx, over the same four workers, in turns. Logs: a million
// lines of four workers through lbdev and through cat. Start: from lbdev's start until all workers are ready, over the
// workers' own start. Memory: lbdev's with idle workers. Control: what another terminal waits for. Failover: requests while
// workers are killed. Dashboard: what those who look at it cost the front. Page: how long the
// dashboard keeps the main thread of a browser at a time.
//
// Figures of one run can be compared with each other, not with those of another machine or another hour. It reports and
// judges nothing: its exit code says only whether it could measure. It needs Linux's /proc, nginx, HAProxy, wrk and Chromium; all traffic is
// on loopback. It takes some minutes, and ends by itself after ten; Ctrl-C ends it at once. Nothing is left behind.
package main
