//go:build !linux

package watch

import (
	"errors"
	"syscall"
)

// limitOf names the setting that an error is about, "" if it is about none. kqueue needs an open file for each folder and
// each file in it.
func limitOf(err error) string {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return "open files"
	}
	return ""
}
