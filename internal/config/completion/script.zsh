#compdef PROGRAM
# Completion of PROGRAM for zsh. For this shell:  source <(PROGRAM completion zsh)
_PROGRAM() {
	local program=${words[1]/#\~\//$HOME/} answer
	local -a answers described
	answers=("${(@f)$("$program" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
	for answer in $answers; do
		case $answer in
		(:files*) compset -p $((${#answer} - 7)); _files; return ;;
		(:folders*) compset -p $((${#answer} - 9)); _files -/; return ;;
		(*) described+=("${${answer//:/\\:}/$'\t'/:}") ;;
		esac
	done
	((${#described})) && _describe PROGRAM described
}
if [[ $funcstack[1] == _PROGRAM ]]; then
	_PROGRAM "$@"
else
	(($+functions[compdef])) || { autoload -Uz compinit && compinit }
	compdef _PROGRAM PROGRAM
fi
