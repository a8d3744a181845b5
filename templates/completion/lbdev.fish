# fish completion for lbdev. Into fish's own folder:  lbdev completion fish > ~/.config/fish/completions/lbdev.fish
#
# What can stand at the cursor is decided by "lbdev __complete"; this asks it and shows the answer.

function __lbdev_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    while string match -q -- '*=*' $words[1] # VARIABLE=value lbdev …
        set -e words[1]
    end
    set -l flag (string match -r -- '^-[^=]*=' "$last") # whose value is being typed
    set -l value (string replace -- "$flag" '' "$last")
    set -l lbdev (string replace -r '^~/' "$HOME/" -- $words[1])
    for reply in ($lbdev __complete -- $words[2..-1] "$last" 2>/dev/null)
        set -l parts (string split -m 1 \t -- $reply)
        if test -n "$parts[1]"
            echo $reply
            continue
        end
        switch $parts[2]
            case files
                string join \n -- "$flag"(__fish_complete_path "$value")
            case folders
                string join \n -- "$flag"(__fish_complete_directories "$value")
            case 'command *'
                set -l first (math (string split ' ' -- $parts[2])[2] + 2)
                set -l command (string escape -- $words[$first..-1])
                complete -C "$command $last"
        end
    end
end

complete -c lbdev -e
complete -c lbdev -f -a '(__lbdev_complete)'
