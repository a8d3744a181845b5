package badge

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// style is the same in all pages, so that a policy can let it in by its hash. The colours are those that workers have everywhere.
const style = `lbdev-badge{all:initial;position:fixed;right:8px;bottom:8px;z-index:2147483647;padding:1px 8px;border-left:12px solid #666;` +
	`border-radius:4px;background:#fff;box-shadow:0 0 0 1px #000;color:#000;font:bold 15px/1.5 ui-monospace,monospace;pointer-events:none}` +
	`lbdev-badge[data-colour="1"]{border-color:#006d96}lbdev-badge[data-colour="2"]{border-color:#a84200}` +
	`lbdev-badge[data-colour="3"]{border-color:#00704f}lbdev-badge[data-colour="4"]{border-color:#96439a}` +
	`lbdev-badge[data-colour="5"]{border-color:#676700}lbdev-badge[data-colour="6"]{border-color:#0057c7}` +
	`lbdev-badge[data-colour="7"]{border-color:#8c5700}@media print{lbdev-badge{display:none}}`

const colours = 7

// styleHash lets it into a policy.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// label is what is put into a page.
func label(worker, port int) string {
	return fmt.Sprintf(`<lbdev-badge role="note" aria-label="served by port %d" data-colour="%d"><style>%s</style>%d</lbdev-badge>`,
		port, (worker-1)%colours+1, style, port)
}
