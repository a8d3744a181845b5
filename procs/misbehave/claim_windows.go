package misbehave

import "syscall"

// claim opens a file that nobody else can open meanwhile.
func claim(path string) bool {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return false
	}
	const shareNothing = 0
	_, err = syscall.CreateFile(name, syscall.GENERIC_WRITE, shareNothing, nil, syscall.OPEN_ALWAYS, 0, 0)
	return err == nil
}
