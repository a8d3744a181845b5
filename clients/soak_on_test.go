//go:build soak

package clients

// soak makes tests take their time.
const soak = true
