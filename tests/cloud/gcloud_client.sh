# shellcheck shell=bash
# gcloud and curl as functions of the shell, for scripts that are run with BASH_ENV naming this file: they pass their
# words to the project (google_project.py) that listens on GOOGLE_PROJECT_PORT of this machine. A function starts no
# process, so that a script with 150 calls runs in half a second.
gcloud() {
    local input=''
    if [[ " $* " == *' --data-file=- '* ]]; then IFS= read -r -d '' input || true; fi
    ask_project "$input" gcloud "$@"
}

# The headers in a file are passed as the input. As with --fail-with-body, what is refused is answered all the same.
curl() {
    local word input='' status=0
    for word in "$@"; do
        if [[ $word == @* ]]; then input+=$(<"${word#@}"); fi
    done
    ask_project "$input" curl "$@" 2>&1 || status=22
    [[ $status == 0 ]] || echo "curl: (22) The requested URL returned error: 400" >&2
    return "$status"
}

# ask_project INPUT WORD…
ask_project() {
    local wire status text input=$1
    shift
    exec {wire}<>"/dev/tcp/127.0.0.1/$GOOGLE_PROJECT_PORT"
    printf '%s\0' $# "$@" "$input" >&"$wire"
    IFS= read -r -u "$wire" status
    IFS= read -r -d '' -u "$wire" text || true
    exec {wire}>&-
    if [[ $status == 0 ]]; then printf '%s\n' "$text"; else printf '%s\n' "$text" >&2; fi
    return "$status"
}
