// Package config reads lbdev.yaml: a key for each flag of lbdev up, and the command.
//
//	file, err := config.Parse("lbdev.yaml", data)
//	if err != nil { … } // Mistakes: each with its line, its column, what is wrong and what was meant
//	file.Has("workers"), file.Workers, file.Place("workers")
//
// File is the one list of the keys. Its fields' types and tags say what each takes, and the reader, the JSON Schema and whoever
// writes such a file go by them:
//
//	yaml:"workers"          the key
//	min:"1" max:"512"       the least and the most of a number or a time
//	above:"0s"              a time must be longer
//	enum:"always|never"     the words that there are; cookie:* stands for cookie: and a name
//	known:"TERM|INT"        words that are offered, among others that count too
//	pattern:"^/"            what a text must match, and like:"/healthz" what does
//	example:"9090"          what is shown where there is no default
//
// The reader goes over the syntax tree by itself, because a decoder stops at the first mistake, and forgets where a value was once a
// type reads itself. It reads strictly: what could be meant in two ways is a mistake. Anchors, aliases, merge keys and tags are refused:
// a list of settings has no use for them, and what isn't expanded can't explode.
//
// The package knows what can be said of a value by looking at it alone. Whether a port is free, or a worker that is named is there, is
// found out by others, who ask Fault where in the file the value is.
package config
