// Package presets knows how web frameworks want to be started: one YAML file per framework says how its folders are recognised,
// what to run, how the port gets in, what must be built before, and what goes wrong with several copies in one folder.
//
//	set := presets.Load("", nil)                        // the embedded ones
//	found, err := set.Recognise(presets.Here("."))
//	found.Command                                       // python3 manage.py runserver 127.0.0.1:{port} --noreload
//	found.Why                                           // manage.py names django
//
// Nothing is run and nothing is written here but File.Write's files; what a folder holds is read through an fs.FS, and the machine is asked
// through a Place, so that every preset can be tried on every system. Frameworks have no Go: a new one is a new file, in the
// words that Preset and its parts list. Words in braces that a preset's vars or builtins do not know, such as {port} and {worker}, are left
// for the cluster; {private} is the caller's to fill in.
package presets
