//go:build !linux

package watch

func playChild() {}
