#!/usr/bin/env bash
# The step of action.yml on Linux and macOS; mirror.ps1 is its twin on Windows. bash 3.2 is enough.
#
# Inputs come as variables FAIRLEAD_INPUT_…; none of them becomes text of a script, of a workflow command or of one of the
# runner's files without being escaped. Secrets never stand in arguments, which every process of the machine may read.
set -uo pipefail
set -f # words of inputs are no file patterns

binary=${FAIRLEAD_INPUT_BINARY:-fairlead}
mode=${FAIRLEAD_INPUT_MODE:-check}
kind=${FAIRLEAD_INPUT_KIND:-goproxy}
strict=${FAIRLEAD_INPUT_STRICT:-false}
fold=${FAIRLEAD_INPUT_FOLD_EXIT_CODES:-false}
sarif=${FAIRLEAD_INPUT_SARIF:-}

# Nobody who writes into the log or a value can guess it.
mark=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
folder=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/fairlead-mirror-XXXXXX") || exit 70
log=$folder/log
variables=$folder/env
chosen=$folder/chosen
report=${sarif:-$folder/report.jsonl}
format=jsonl
if [ -n "$sarif" ]; then format=sarif; fi
arguments=()
urls=()
tail=''
proxies=''

main() {
    : >"$log"
    hide_secrets
    command -v -- "$binary" >/dev/null 2>&1 || refuse "there is no program \`$binary\`: install fairlead in a step before this one, or name it with the input binary. This action downloads nothing."
    is_switch strict "$strict"
    is_switch fold-exit-codes "$fold"
    case $mode in
        check | setup) check ;;
        verify) verify ;;
        *) refuse "the input mode is \`$mode\`, not check, setup or verify" ;;
    esac
}

# Checks mirrors; `setup` keeps the healthy ones for the steps that follow.
check() {
    local code
    if [ -n "${FAIRLEAD_INPUT_TENANT:-}" ]; then read_tenant; fi
    read_urls
    [ "${#urls[@]}" -gt 0 ] || refuse 'there is no mirror to check: give the input url, urls or tenant, or set GOPROXY'
    add --kind "$kind"
    add --timeout "${FAIRLEAD_INPUT_TIMEOUT:-}"
    add --retries "${FAIRLEAD_INPUT_RETRIES:-}"
    add --jobs "${FAIRLEAD_INPUT_JOBS:-}"
    if [ "${FAIRLEAD_INPUT_CACHE_TTL:-}" != off ]; then
        add --cache-ttl "${FAIRLEAD_INPUT_CACHE_TTL:-}"
    elif [ "$mode" = setup ]; then
        add --cache "$folder/probe"
    else
        arguments+=(--no-cache)
    fi
    if [ "$strict" = true ]; then arguments+=(--strict); fi
    if [ "$fold" = true ]; then arguments+=(--fold-exit-codes); fi
    if [ -n "${FAIRLEAD_INPUT_TOKEN:-}" ]; then add --token-env FAIRLEAD_INPUT_TOKEN; fi
    add_options
    if [ "$mode" = setup ] && [ "$kind" != goproxy ]; then
        refuse "setup chooses Go module mirrors, and the input kind is \`$kind\`"
    fi
    run '' mirror check "${arguments[@]}" "--format=$format" "--output=$report" -- "${urls[@]}"
    code=$?
    if [ "$mode" = check ]; then finish "$code"; fi
    # Answered from what the first run has kept.
    if [ "$code" -le 4 ]; then run "$chosen" mirror check "${arguments[@]}" --pick -- "${urls[@]}"; fi
    choose "$code"
}

# Proves go.sum files.
verify() {
    local names=() line code
    add --jobs "${FAIRLEAD_INPUT_JOBS:-}"
    add_options
    while IFS= read -r line; do
        line=${line%$'\r'}
        if [ -n "$line" ]; then names+=("$line"); fi
    done <<<"${FAIRLEAD_INPUT_GO_SUM:-go.sum}"
    [ "${#names[@]}" -gt 0 ] || refuse 'the input go-sum names no file'
    run "$report" mirror verify "${arguments[@]+"${arguments[@]}"}" "--format=$format" -- "${names[@]}"
    code=$?
    # That report is for programs. People read in the log what is wrong.
    if [ "$code" -ne 0 ]; then run '' mirror verify "${arguments[@]+"${arguments[@]}"}" -- "${names[@]}"; fi
    finish "$code"
}

# Sets GOPROXY for the steps that follow. While one mirror is valid another one is no reason to fail, unless `strict`.
choose() {
    local code=$1
    if [ -e "$chosen" ]; then proxies=$(cat "$chosen"); fi
    if [ -z "$proxies" ]; then
        if [ "$code" -eq 0 ]; then code=70; fi
        finish "$code"
    fi
    if [ "$code" -ne 0 ] && [ "$strict" = true ]; then
        proxies=''
        finish "$code"
    fi
    proxies=$proxies$tail
    if [ -s "$variables" ]; then grep -v '^GOPROXY=' "$variables" >>"$GITHUB_ENV"; fi
    put "$GITHUB_ENV" GOPROXY "$proxies"
    if [ -n "${FAIRLEAD_INPUT_NETRC:-}" ]; then put "$GITHUB_ENV" NETRC "$NETRC"; fi
    finish "$code" 0
}

# Mirrors of the inputs, else of the tenant, else of GOPROXY. `direct` and `off` end the list and are kept for `setup`.
read_urls() {
    local rest separator entry
    rest="${FAIRLEAD_INPUT_URL:-} ${FAIRLEAD_INPUT_URLS:-}"
    if [ -z "${rest//[[:space:]]/}" ]; then rest=$(of_tenant); fi
    if [ -z "$rest" ] && [ "$kind" = goproxy ]; then rest=${GOPROXY:-}; fi
    separator=,
    while [ -n "$rest" ]; do
        entry=${rest%%[,|[:space:]]*}
        rest=${rest#"$entry"}
        case $entry in
            '') ;;
            direct | off)
                tail=$separator$entry
                return
                ;;
            *)
                refuse_credentials "$entry"
                urls+=("$entry")
                separator=,
                ;;
        esac
        case $rest in '|'*) separator='|' ;; esac
        rest=${rest#?}
    done
}

refuse_credentials() {
    local authority=${1#*://}
    authority=${authority%%[/?#]*}
    case $authority in *@*)
        hide "${authority%@*}"
        authority=${authority%@*}
        hide "${authority#*:}"
        refuse 'a mirror has credentials in its URL, where every process of the machine may read them: give them with the input netrc'
        ;;
    esac
}

read_tenant() {
    local code
    [ -n "${FAIRLEAD_INPUT_TENANTS:-}" ] || refuse 'the input tenant needs the input tenants, a file'
    run "$variables" mirror env "--tenant=$FAIRLEAD_INPUT_TENANT" "--env=${FAIRLEAD_INPUT_ENV:-default}" "--tenants=$FAIRLEAD_INPUT_TENANTS" --format=github
    code=$?
    if [ "$code" -ne 0 ]; then finish "$code"; fi
}

of_tenant() {
    local name=GOPROXY
    if [ "$kind" = oci ]; then name=REGISTRY_MIRROR; fi
    if [ -s "$variables" ]; then sed -n "s/^$name=//p" "$variables"; fi
}

# Masks what is secret, and puts credentials where fairlead and go look for them.
hide_secrets() {
    local word before=''
    hide "${FAIRLEAD_INPUT_TOKEN:-}"
    [ -n "${FAIRLEAD_INPUT_NETRC:-}" ] || return 0
    for word in $FAIRLEAD_INPUT_NETRC; do
        if [ "$before" = password ]; then hide "$word"; fi
        before=$word
    done
    export NETRC=$folder/netrc
    (umask 077 && printf '%s\n' "$FAIRLEAD_INPUT_NETRC" >"$NETRC")
}

# Adds `$1=$2`, when there is a value: an option without one keeps its default.
add() {
    if [ -n "$2" ]; then arguments+=("$1=$2"); fi
}

add_options() {
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        case $line in
            '') ;;
            -*) arguments+=("$line") ;;
            *) refuse 'a line of the input options does not begin with a hyphen: write an option and its value as --name=value' ;;
        esac
    done <<<"${FAIRLEAD_INPUT_OPTIONS:-}"
}

is_switch() {
    case $2 in true | false) ;; *) refuse "the input $1 is \`$2\`, not true or false" ;; esac
}

# Runs fairlead with the arguments after $1; its standard output goes to the file $1, if that is one. Everything else is
# shown, and nothing that a mirror says is taken for a workflow command.
run() {
    local out=$1 code
    shift
    printf '::stop-commands::%s\n' "$mark"
    if [ -n "$out" ]; then
        # shellcheck disable=SC2069 # the pipe gets standard error alone
        "$binary" "$@" 2>&1 >"$out" </dev/null | tee -a "$log"
        code=${PIPESTATUS[0]}
    else
        "$binary" "$@" 2>&1 </dev/null | tee -a "$log"
        code=${PIPESTATUS[0]}
    fi
    printf '\n::%s::\n' "$mark"
    return "$code"
}

refuse() {
    printf '%s\n' "$1" >>"$log"
    finish 64
}

# Tells how it went, to the runner and to people. $1 is fairlead's exit code, and the step's unless $2 is that.
finish() {
    local code=$1 status=${2:-$1} verdict
    verdict=$(word "$code")
    [ -s "$report" ] || report=''
    put "$GITHUB_OUTPUT" verdict "$verdict"
    put "$GITHUB_OUTPUT" exit-code "$code"
    put "$GITHUB_OUTPUT" report "$report"
    put "$GITHUB_OUTPUT" goproxy "$proxies"
    summary "$verdict" "$code" >>"$GITHUB_STEP_SUMMARY"
    if [ "$status" -ne 0 ]; then
        annotate error "mirror $mode: $verdict"
    elif [ "$code" -ne 0 ]; then
        annotate warning "mirror $mode: $verdict; mirrors were left out"
    elif grep -q '^warning' "$log"; then
        annotate warning "mirror $mode: $verdict, with warnings"
    fi
    exit "$status"
}

word() {
    case $1 in
        0) echo valid ;;
        1) echo unreachable ;;
        2) if [ "$fold" = true ]; then echo invalid; else echo protocol; fi ;;
        3) echo integrity ;;
        4) echo degraded ;;
        64) echo usage ;;
        *) echo internal ;;
    esac
}

# Markdown. What fairlead says is indented, so that nothing in it ends the block.
summary() {
    printf '### Fairlead mirror\n\n| mode | verdict | exit code | mirrors |\n| --- | --- | --- | --- |\n'
    case $mode in check | setup | verify) ;; *) mode='?' ;; esac
    printf '| %s | **%s** | %s | %s |\n\n' "$mode" "$1" "$2" "${#urls[@]}"
    if [ -n "$proxies" ]; then printf '    GOPROXY=%s\n' "$proxies"; fi
    head -c 60000 "$log" | tr '\r' ' ' | sed 's/^/    /'
    printf '\n'
}

# An annotation of level $1 with title $2; its text is the beginning of what fairlead said.
annotate() {
    local text
    text=$(head -n 30 "$log" | head -c 4000)
    printf '::%s title=%s::%s\n' "$1" "$(escaped "$2" property)" "$(escaped "${text:-$2}")"
}

hide() {
    if [ -n "$1" ]; then printf '::add-mask::%s\n' "$(escaped "$1")"; fi
}

# Escapes data of a workflow command; with $2 a property of one.
escaped() {
    local text=$1
    text=${text//\%/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    if [ -n "${2:-}" ]; then
        text=${text//:/%3A}
        text=${text//,/%2C}
    fi
    printf '%s' "$text"
}

# Sets $2 to $3 in the runner's file $1.
put() {
    printf '%s<<%s\n%s\n%s\n' "$2" "$mark" "$3" "$mark" >>"$1"
}

main
