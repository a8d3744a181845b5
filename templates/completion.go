package templates

import (
	"embed"
	"fmt"
)

//go:embed completion
var completions embed.FS

// Completion is the script by which a shell (bash, zsh, fish or powershell) asks lbdev what can stand at the cursor. All of
// them do no more than run "lbdev __complete -- WORD…" and show what it says. Another shell is an error.
func Completion(shell string) (string, error) {
	script, err := completions.ReadFile("completion/lbdev." + shell)
	if err != nil {
		return "", fmt.Errorf("cannot write a completion script for %q: there is none for that shell", shell)
	}
	return string(script), nil
}
