package watch

import (
	"errors"
	"syscall"
)

// limitOf names the setting that an error is about, "" if it is about none. inotify(7) says ENOSPC for too many watches;
// inotify_init(2) says EMFILE both for too many instances and for too many open files.
func limitOf(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE):
		return "fs.inotify.max_user_instances and open files"
	case errors.Is(err, syscall.ENFILE):
		return "fs.file-max"
	}
	return ""
}
