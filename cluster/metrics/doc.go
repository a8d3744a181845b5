// Package metrics tells Prometheus about a cluster, under the names that the field uses, with the prefix lbdev_.
//
//	h := metrics.Handler(c, "1.2.0") // answers GET with the text that a scrape wants
//
// Nothing is counted here. The proxy counts with atomic additions as it goes, and a scrape reads: so a cluster that nobody
// scrapes pays nothing for it, and one scrape costs as much as it has workers.
//
// # What there is
//
// Labels are the worker's number and port, the class of a status, a state: at most some 60 series for each worker. A path,
// a host or a method would be the client's to choose.
//
//	lbdev_requests_total{worker,port,code}         answers; worker 0 is lbdev itself
//	lbdev_request_duration_seconds{worker,port}    histogram, from the client's first byte to its last
//	lbdev_request_first_byte_seconds{worker,port}  histogram, until the worker began to answer
//	lbdev_worker_…                                 requests and attempts that failed at each worker, in flight, state, restarts
//	lbdev_front_requests_total, lbdev_request_failures_total, lbdev_cut_total, lbdev_canceled_total, lbdev_rescued_total,
//	lbdev_retries_total, lbdev_held_total, lbdev_held_seconds, lbdev_held, lbdev_in_flight: what clients saw
//	lbdev_info, lbdev_build_info, lbdev_uptime_seconds, and those of the process and of Go's runtime
//
// A series of a worker ends when scale takes it away, and begins at 0 when it comes back.
package metrics
