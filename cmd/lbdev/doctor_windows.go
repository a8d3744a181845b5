package main

import "context"

// checkOpenFiles: there is no such limit.
func checkOpenFiles(*examination, context.Context) []finding {
	return []finding{{"open files", fine, "Windows has no limit", ""}}
}

// checkWatches: a handle for the whole tree does.
func checkWatches(*examination, context.Context) []finding {
	return []finding{{"file watches", fine, "work", ""}}
}

// checkTerminals: workers write into pipes.
func checkTerminals(*examination, context.Context) []finding {
	return []finding{{"terminals", fine, "workers get pipes on Windows", ""}}
}
