package watch

import "fmt"

// A LimitError says that the system allows no more watches.
type LimitError struct {
	Dir     string // the folder that could not be watched
	Watched int    // folders that were
	Setting string // what limits them: a sysctl such as "fs.inotify.max_user_watches", or "open files"
	Err     error  // what the system said
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("cannot watch %q: %d folders are watched and the limit of %s is reached: %v", e.Dir, e.Watched, e.Setting, e.Err)
}

func (e *LimitError) Unwrap() error { return e.Err }

// explain makes an error of the system one that says what could not be done, and a LimitError where that is the reason.
func explain(dir string, watched int, err error) error {
	if setting := limitOf(err); setting != "" {
		return &LimitError{Dir: dir, Watched: watched, Setting: setting, Err: err}
	}
	return fmt.Errorf("cannot watch %q: %w", dir, err)
}
