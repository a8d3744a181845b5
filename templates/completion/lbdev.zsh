#compdef lbdev
# zsh completion for lbdev. As _lbdev into a folder of $fpath:  lbdev completion zsh > "${fpath[1]}/_lbdev"
# or into ~/.zshrc, after compinit:  source <(lbdev completion zsh)
#
# What can stand at the cursor is decided by "lbdev __complete"; this asks it and shows the answer.

_lbdev() {
	local lbdev=${(Q)words[1]} reply value rule
	local -a asked candidates
	(( CURRENT > 2 )) && asked=("${(@Q)words[2,CURRENT-1]}")
	for reply in "${(@f)$("${lbdev/#\~\//$HOME/}" __complete -- "${asked[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
		value=${reply%%$'\t'*}
		reply=${reply#*$'\t'}
		if [[ -n $value ]]; then
			candidates+=("${${value//\\/\\\\}//:/\\:}:$reply")
		else
			rule=$reply
		fi
	done
	case $rule in
	(files) compset -P '-*='; _files; return ;;
	(folders) compset -P '-*='; _files -/; return ;;
	(command *)
		shift $(( ${rule#* } + 1 )) words
		(( CURRENT -= ${rule#* } + 1 ))
		_normal
		return ;;
	esac
	_describe -V lbdev candidates
}

if [[ $funcstack[1] == _lbdev ]]; then
	_lbdev "$@" # this file was loaded as the function
else
	compdef _lbdev lbdev
fi
