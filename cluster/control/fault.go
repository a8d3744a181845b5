package control

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lbdev/lbdev/cluster"
)

// fail answers with an error of the cluster, in the status that fits; workers are those that took the action up.
func fail(w http.ResponseWriter, err error, workers []cluster.WorkerSnapshot) {
	status, body := describe(err)
	body.Workers = workers
	Answer(w, status, body)
}

// otherFrontHint is what can be done about something that only lbdev's own front can do.
const otherFrontHint = "lbdev's own front can:  lbdev up  without --front"

// describe is what an error of the cluster is over HTTP.
func describe(err error) (status int, body ErrorBody) {
	body.Error = strings.ReplaceAll(err.Error(), "\n", "; ") // of several
	if _, ok := errors.AsType[*listError](err); ok {
		return http.StatusBadRequest, withHint(body, "for example 2, 8001, 1,3 or all")
	}
	if _, ok := errors.AsType[*cluster.NoWorkerError](err); ok {
		return http.StatusNotFound, withHint(body, "GET /v1/cluster lists the workers")
	}
	if _, ok := errors.AsType[*cluster.RuleError](err); ok {
		return http.StatusBadRequest, body
	}
	if state, ok := errors.AsType[*cluster.StateError](err); ok {
		return http.StatusConflict, withHint(body, stateHint(state))
	}
	if mode, ok := errors.AsType[*cluster.ModeError](err); ok {
		return http.StatusConflict, withHint(body, mode.Hint)
	}
	if _, ok := errors.AsType[*cluster.FrontLimitError](err); ok {
		return http.StatusConflict, withHint(body, otherFrontHint)
	}
	if late, ok := errors.AsType[*effectError](err); ok {
		if late.late {
			return http.StatusGatewayTimeout, withHint(body, "it goes on; wait longer with a larger timeout")
		}
		return http.StatusConflict, withHint(body, "its log says more")
	}
	if scale, ok := errors.AsType[*cluster.ScaleError](err); ok {
		if scale.N < 1 || scale.N > cluster.MaxWorkers {
			return http.StatusBadRequest, body
		}
		return http.StatusConflict, body
	}
	if taken, ok := errors.AsType[*cluster.PortTakenError](err); ok {
		return http.StatusConflict, withHint(body, fmt.Sprintf("free port %d, and scale again", taken.Port))
	}
	if back, ok := errors.AsType[*cluster.ComeBackError](err); ok {
		return http.StatusConflict, withHint(body, fmt.Sprintf("its log says more; when that is mended, start worker %d", back.Worker))
	}
	if errors.Is(err, cluster.ErrScaling) {
		return http.StatusConflict, withHint(body, "nothing was changed; wait until that is done")
	}
	if _, ok := errors.AsType[*tooLongError](err); ok {
		return http.StatusGatewayTimeout, withHint(body, "it goes on; wait longer with a larger timeout")
	}
	if errors.Is(err, cluster.ErrRolling) {
		return http.StatusConflict, withHint(body, "wait until it is done")
	}
	return http.StatusInternalServerError, body
}

func withHint(body ErrorBody, hint string) ErrorBody {
	body.Hint = hint
	return body
}

// stateHint says how a worker comes into a state in which it can be asked again.
func stateHint(e *cluster.StateError) string {
	switch e.State {
	case cluster.Stopped, cluster.Failed:
		return fmt.Sprintf("start worker %d first", e.Worker)
	case cluster.Paused:
		return fmt.Sprintf("resume worker %d first", e.Worker)
	case cluster.Drained, cluster.Ready, cluster.Unresponsive:
		return ""
	}
	return fmt.Sprintf("wait until worker %d is ready", e.Worker)
}
