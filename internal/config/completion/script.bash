# Completion of PROGRAM for bash. For this shell:  source <(PROGRAM completion bash)
_PROGRAM_complete() {
	local program=$1 line=${COMP_LINE:0:COMP_POINT} word answer file
	COMPREPLY=()
	case $program in \~/*) program=$HOME/${program#\~/} ;; esac
	# Bash takes a part of the word for the word: what is behind the last = or : is to be replaced, $2.
	word=${line##*[[:space:]]}
	word=${word%"$2"}
	while IFS= read -r answer; do
		case $answer in
		:files*)
			if [[ $2 != @* ]]; then
				compopt -o default
				continue
			fi
			while IFS= read -r file; do
				if [[ -d $file ]]; then
					compopt -o nospace
					file+=/
				fi
				COMPREPLY+=("@$(printf %q "$file")")
			done < <(compgen -f -- "${2#@}")
			;;
		:folders*) compopt -o dirnames ;;
		*)
			answer=${answer%%$'\t'*}
			COMPREPLY+=("${answer#"$word"}")
			;;
		esac
	done < <("$program" __complete --line "$line" 2>/dev/null </dev/null)
}
complete -F _PROGRAM_complete PROGRAM
