package templates

import (
	"embed"
	"io/fs"
)

//go:embed dashboard
var dashboard embed.FS

// Dashboard is the dashboard's page: index.html and what it loads.
func Dashboard() fs.FS {
	files, err := fs.Sub(dashboard, "dashboard")
	if err != nil {
		panic(err)
	}
	return files
}
