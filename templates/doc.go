// Package templates holds the texts that lbdev shows or writes: today the page for a request that no worker answered. It
// knows their data, not where it comes from, and imports nothing of lbdev's.
package templates
