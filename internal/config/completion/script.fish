# Completion of PROGRAM for fish. For this shell:  PROGRAM completion fish | source
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l token (string replace -r '^["\']' '' -- (commandline -ct))
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    for answer in ($program __complete $words "$token" 2>/dev/null </dev/null)
        if string match -qr '^:(files|folders) ' -- $answer
            set -l before (string replace -r '^:\w+ ' '' -- $answer)
            set -l path (string sub -s (math 1 + (string length -- "$before")) -- "$token")
            for found in (__fish_complete_path "$path")
                string match -q ':folders*' -- $answer; and not string match -qr '/(\t|$)' -- $found; and continue
                echo -- "$before$found"
            end
        else
            echo -- $answer
        end
    end
end
complete -c PROGRAM -e
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
