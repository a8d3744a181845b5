// Package fault makes a worker misbehave, for lessons and for tests:
//
//	plan, err := fault.Parse("latency=500ms±100ms:20% errors=10%")
//	live := fault.Begin(plan, seed)
//	conn, err := live.Meet(dial) // instead of dial
//
// The fault plays a worker that is bad, on the worker's side of a connection: whoever asks gets a connection to a stand-in,
// which delays, answers with an error, swallows, resets, or passes bytes on to the worker slowly. So the one who asks reacts
// as to a worker that does it by itself, in whatever protocol, and nothing of the fault is to be found in its code.
//
// Faults are drawn for each request by itself. The stand-in of a request that meets none is no connection at all: it goes
// to the worker as always. Whoever waits because of a fault goes on when that fault ends.
package fault
