package main

import (
	"os"
	"runtime"
	"testing"
)

// TestStartCostsLittle holds what each command allocates before it does anything: a class waits for it, and so does each worker that
// a script names. Its bytes can be counted where its milliseconds can't: 0.4 MB, and up to 6.8 with the race detector, under which
// pools forget. Formatting all help texts costs 11 without it.
func TestStartCostsLittle(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	app := newApp(os.Stdout, os.Stderr)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 9<<20 {
		t.Errorf("the commands of %s cost %d bytes", app.Name, n)
	}
}
