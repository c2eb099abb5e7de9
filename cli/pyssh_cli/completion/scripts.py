"""The scripts. Each asks `pyssh completion --words`, so that what fits where is known in one place."""

from collections.abc import Mapping
from typing import Final

__all__ = ["SCRIPTS"]

_BASH: Final = r"""# bash completion for pyssh: eval "$(pyssh completion bash)"
_pyssh() {
    local text meaning line="${COMP_LINE:0:COMP_POINT}"
    COMPREPLY=()
    while IFS=$'\t' read -r text meaning; do
        if [[ $text == :files ]]; then
            compopt -o filenames 2>/dev/null
            local IFS=$'\n'
            COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
            return
        fi
        [[ $text == *[=@] ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("$text")
    done < <("${COMP_WORDS[0]}" completion --words --line "$line" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -F _pyssh pyssh
"""

_ZSH: Final = r"""#compdef pyssh
# zsh completion for pyssh: source <(pyssh completion zsh), behind compinit
_pyssh() {
    local text meaning
    local -a plain open shown
    while IFS=$'\t' read -r text meaning; do
        if [[ $text == :files ]]; then
            _files
            return
        fi
        if [[ $text == *[=@] ]]; then
            open+=("$text")
        else
            plain+=("$text")
            shown+=("$text${meaning:+  -- $meaning}")
        fi
    done < <("${words[1]}" completion --words $((CURRENT - 2)) "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#open )) && compadd -S '' -a open
    (( $#plain )) && compadd -l -d shown -a plain
}
compdef _pyssh pyssh
"""

_FISH: Final = r"""# fish completion for pyssh: pyssh completion fish | source
function __pyssh_words
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] completion --words (math (count $before) - 1) $before[2..-1] $current 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path $current
            return
        end
        echo $line
    end
end
complete -c pyssh -f -a '(__pyssh_words)'
"""

SCRIPTS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
