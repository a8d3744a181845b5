package main

import "context"

// checkWatches: kqueue needs a descriptor for each file, which is what the limit on open files is about.
func checkWatches(*examination, context.Context) []finding {
	return []finding{{"file watches", fine, "an open file each, with  up --watch", ""}}
}
