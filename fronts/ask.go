//go:build unix

package fronts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// askPatience is how long a program may take to answer a question and end. They take well under a second.
const askPatience = 10 * time.Second

// ask runs a program that is to say something and end. One that does not is killed, with all that it has started, and the error says what
// was run; that of a program that fails is what it said at the end. It has no terminal: it could ask there for a key's password.
func ask(ctx context.Context, dir string, env []string, argv ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askPatience, fmt.Errorf("it had not ended after %v", askPatience))
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for who has left that group, and holds the output
	err = cmd.Run()
	switch {
	case err == nil:
	case errors.Is(err, exec.ErrWaitDelay): // it has answered and ended; what it left holds the output
		cmd.Cancel() // its error is that nobody is left in the group
		err = nil
	case ctx.Err() != nil:
		err = fmt.Errorf("%s was killed: %w", strings.Join(argv, " "), context.Cause(ctx))
	default:
		err = errors.New(lastLines(out.String()+said.String(), err))
	}
	return out.String(), said.String(), err
}

// lastLines are what a program said at the end.
func lastLines(text string, err error) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return err.Error()
	}
	return strings.Join(lines[max(len(lines)-keptWords, 0):], "\n")
}
