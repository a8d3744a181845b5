# bash completion for lbdev. Into ~/.bashrc:  eval "$(lbdev completion bash)"
#
# What can stand at the cursor is decided by "lbdev __complete"; this asks it and shows the answer. It works with bash 3.2
# and later, with and without the package bash-completion.

_lbdev() {
	local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} piece before='' quote='' rule='' values=() shown=()
	local words=() at=() n=-1 i width=0 reply value lbdev=$1
	[[ $lbdev == '~/'* ]] && lbdev=$HOME/${lbdev:2}

	# bash takes = and : for ends of words. Its pieces with no space between them are one word of ours.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		piece=${COMP_WORDS[i]}
		before=''
		if ((n < 0)) || [[ $line == [[:space:]]* ]]; then
			line=${line#"${line%%[![:space:]]*}"}
			((at[++n] = i))
		else
			before=${words[n]}
		fi
		((i < COMP_CWORD)) || piece=$line # as far as the cursor
		line=${line#"$piece"}
		words[n]=$before${piece//[\\\'\"]/}
	done
	case $piece in
	[=:]) before+=$piece piece='' ;; # bash keeps these and puts what follows behind them
	[\'\"]*) quote=${piece:0:1} ;;
	esac

	while IFS= read -r reply; do
		value=${reply%%$'\t'*}
		reply=${reply#*$'\t'}
		if [[ -z $value ]]; then
			rule=$reply
			continue
		fi
		value=${value#"$before"}
		[[ $quote ]] || printf -v value %q "$value"
		((width >= ${#value})) || width=${#value}
		values+=("$value")
		shown+=("$reply")
	done < <("$lbdev" __complete -- "${words[@]:1}" 2>/dev/null)

	COMPREPLY=()
	case $rule in
	files) compopt -o default 2>/dev/null || _lbdev_reply compgen -f -- "$piece" ;;
	folders) compopt -o dirnames 2>/dev/null || _lbdev_reply compgen -d -- "$piece" ;;
	'command '*) _lbdev_command "${at[${rule#* } + 1]}" "$piece" ;;
	esac
	((${#values[@]})) || return 0
	COMPREPLY=("${values[@]}")
	# What is only listed, and not put into the line, is shown with its description.
	((${#values[@]} > 1)) && [[ ${COMP_TYPE-} == 63 || ${COMP_TYPE-} == 33 || ${COMP_TYPE-} == 64 ]] || return 0
	for i in "${!values[@]}"; do
		[[ ${shown[i]} ]] || continue
		printf -v value '%-*s  %s' "$width" "${values[i]}" "${shown[i]}"
		COMPREPLY[i]=${value:0:${COLUMNS:-80}-2}
	done
}

# _lbdev_command completes the command that lbdev runs, which begins at COMP_WORDS[$1]; $2 is what is typed of the last word.
_lbdev_command() {
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif (($1 == COMP_CWORD)); then
		compopt -o filenames 2>/dev/null
		_lbdev_reply compgen -A command -A directory -- "$2"
	else
		compopt -o bashdefault -o default 2>/dev/null || _lbdev_reply compgen -f -- "$2"
	fi
}

# _lbdev_reply takes what a command prints, one candidate a line.
_lbdev_reply() {
	local reply
	while IFS= read -r reply; do
		COMPREPLY+=("$reply")
	done < <("$@")
}

complete -o nosort -F _lbdev lbdev 2>/dev/null || complete -F _lbdev lbdev
