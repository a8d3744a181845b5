// Package watch says when the files of a project have changed.
//
//	w, err := watch.Open(watch.Config{
//		Dir:      "shop",
//		Globs:    []string{"*.py", "templates", "!migrations"},
//		OnChange: func(ctx context.Context, c watch.Change) { rollingRestart(ctx) },
//	})
//	if err != nil { … }
//	defer w.Close()
//	w.Run(ctx)
//
// # Globs
//
//	*.py            files of that name at any depth
//	./*.py          in Dir alone
//	app/**/*.py     below app; ** stands for any number of folders, none included
//	src             a folder: everything below it. A file: that file
//	!migrations     nothing of that name, at any depth; excludes win over everything else
//	/srv/shared     outside of Dir
//
// What editors, version control and tools write is never looked at: see ignore.go for the list. A glob that names such a
// thing wants it: target/*.jar, packages/*/dist/*.js, *.sqlite3.
//
// # What a change is
//
// A file that came, went, or has another content. A chmod, a touch, and a file that is written anew with what it had are
// none: they would restart workers for nothing, and who wants a restart can ask for one. Files over 1 MiB are told by
// size and time alone. Sockets, pipes and devices are no files; a link to a folder is not followed (name the folder in a
// glob), so that no loop of links can catch us.
//
// Changes are gathered until there was silence for a moment, as one save or one checkout is many events. While OnChange
// runs, what happens is gathered too, and leads to one more call.
//
// Folders are watched one by one, with what the system has (inotify, kqueue, ReadDirectoryChangesW); new ones are watched
// when they appear, and what was put into them before that is found by looking. Ignored ones are never descended into.
// Systems limit the number of watches: see LimitError.
package watch
