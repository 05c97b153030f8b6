#!/bin/sh
# Checks the mirrors that an image build is going to use, before any base image is pulled, and runs the build only then.
# sh is enough.
set -euf # words are no file patterns

usage() {
    cat <<'END'
Usage: preflight.sh [OPTION]... [-- COMMAND...]

Checks mirrors, writes settings for BuildKit and dockerd that name the valid ones, and runs COMMAND when all is well.

  --registry URL   mirror of docker.io; may come several times, as may all mirrors
  --goproxy URL    Go module mirror; COMMAND gets GOPROXY, for docker's `--build-arg GOPROXY`
  --debian URL     Debian mirror
  --ubuntu URL     Ubuntu mirror
  --alpine URL     Alpine mirror
  --any            one valid mirror of each kind is enough; the others are left out (default: all must be valid)
  --strict         stale and degraded mirrors are not valid
  --timeout TIME   for one request (default 10s)
  --retries N      attempts of each request (default 3)
  --jobs N         requests at a time (default 4)
  --image NAME     image that each registry mirror must have, such as library/alpine:3.20
  --option OPTION  one more option for `fairlead mirror check`, as --name=value; may come several times
  --out FOLDER     where buildkitd.toml and daemon.json go (default .fairlead-preflight)
  --binary PATH    fairlead (default: FAIRLEAD_BINARY, else fairlead on the PATH)

Exit codes: that of COMMAND; without one, or when it is not run, that of the gravest mirror: 3 integrity, 2 protocol, TLS or
HTTP, 1 unreachable, 4 stale or degraded (--strict); 64 wrong usage, 70 internal.
END
}

refuse() {
    printf 'preflight: %s\n' "$1" >&2
    exit 64
}

# Adds to the list of kind $1; only what can stand in a URL without quotes gets into files and arguments.
add() {
    case $2 in
        *@*) refuse "a $1 mirror has credentials in its URL: put them into a .netrc file" ;;
        *[!]A-Za-z0-9._~:/%+[-]* | -* | '') refuse "not the URL of a $1 mirror: $2" ;;
    esac
    mirrors="$mirrors$1 $2
"
}

binary=${FAIRLEAD_BINARY:-fairlead}
out=.fairlead-preflight
any=false
image=
mirrors=
timeout=10s retries=3 jobs=4
options=
while [ $# -gt 0 ]; do
    case $1 in
        --any) any=true ;;
        --strict) options="$options --strict" ;;
        -h | --help) usage; exit 0 ;;
        --) break ;;
        --*)
            [ $# -ge 2 ] || refuse "$1 needs a value"
            case $1 in
                --registry | --goproxy | --debian | --ubuntu | --alpine) add "${1#--}" "$2" ;;
                --timeout) timeout=$2 ;;
                --retries) retries=$2 ;;
                --jobs) jobs=$2 ;;
                --image) image=$2 ;;
                --option)
                    case $2 in
                        *[[:space:]]*) refuse "an option must not have spaces: $2" ;;
                        -*) options="$options $2" ;;
                        *) refuse "not an option: $2" ;;
                    esac
                    ;;
                --out) out=$2 ;;
                --binary) binary=$2 ;;
                *) refuse "no such option: $1 (--help lists them)" ;;
            esac
            shift
            ;;
        *) refuse "unexpected: $1 (the command comes after --)" ;;
    esac
    shift
done
[ "${1:-}" != -- ] || shift
[ -n "$mirrors" ] || refuse 'there is no mirror to check (--help lists the options)'
command -v "$binary" >/dev/null 2>&1 || refuse "there is no program $binary: install fairlead, or name it with --binary"

# Position of an exit code among the others, from good to bad.
gravity() {
    case $1 in
        0) echo 0 ;; 4) echo 1 ;; 1) echo 2 ;; 2) echo 3 ;; 3) echo 4 ;; 64) echo 5 ;; *) echo 6 ;;
    esac
}

# Checks one mirror of kind $1.
check() {
    checked_as=$1
    extra=
    if [ "$checked_as" = registry ]; then
        checked_as=oci
        extra=${image:+--image=$image}
    fi
    # shellcheck disable=SC2086 # options have no spaces
    "$binary" mirror check "--kind=$checked_as" "--timeout=$timeout" "--retries=$retries" "--jobs=$jobs" $options \
        ${extra:+"$extra"} -- "$2" >&2
}

worst=0
valid=
bad_kinds=
while read -r kind url; do
    [ -n "$kind" ] || continue
    code=0
    check "$kind" "$url" </dev/null || code=$?
    if [ "$code" -eq 0 ]; then
        valid="$valid$kind $url
"
    else
        bad_kinds="$bad_kinds $kind"
        if [ "$(gravity "$code")" -gt "$(gravity "$worst")" ]; then worst=$code; fi
    fi
done <<END
$mirrors
END

# Valid mirrors of kind $1, one a line.
valid_of() { printf '%s' "$valid" | sed -n "s/^$1 //p"; }

if [ "$worst" -ne 0 ]; then
    refused=
    for kind in $bad_kinds; do
        if [ "$any" = false ] || [ -z "$(valid_of "$kind")" ]; then refused="$refused $kind"; fi
    done
    # Wrong usage and failures of fairlead itself are nothing that another mirror makes good.
    if [ -n "$refused" ] || [ "$worst" -ge 64 ]; then
        printf 'preflight: not every mirror is valid (%s); the build is not run\n' "${refused# }" >&2
        exit "$worst"
    fi
    printf 'preflight: mirrors that are not valid are left out\n' >&2
fi

# BuildKit names mirrors without scheme; plain http is said of the host.
buildkitd_toml() {
    list='' separator=''
    for url in $(valid_of registry); do
        name=${url#*://}
        list="$list$separator\"${name%/}\""
        separator=', '
    done
    printf '[registry."docker.io"]\n  mirrors = [%s]\n' "$list"
    for url in $(valid_of registry); do
        case $url in http://*) host=${url#http://}; printf '%s\n' "${host%%/*}" ;; esac
    done | LC_ALL=C sort -u | while read -r host; do printf '\n[registry."%s"]\n  http = true\n' "$host"; done
}

# dockerd knows mirrors of docker.io alone, and takes none with a path.
daemon_json() {
    list='' separator=''
    for url in $(valid_of registry); do
        case $url in *://*) ;; *) url=https://$url ;; esac
        path=${url#*://}
        path=${path%/}
        case $path in
            */*) printf 'preflight: dockerd takes no mirror with a path: %s\n' "$url" >&2 ;;
            *)
                list="$list$separator\"$url\""
                separator=', '
                ;;
        esac
    done
    printf '{\n  "registry-mirrors": [%s]\n}\n' "$list"
}

mkdir -p -- "$out"
if [ -n "$(valid_of registry)" ]; then
    buildkitd_toml >"$out/buildkitd.toml"
    daemon_json >"$out/daemon.json"
    printf 'preflight: wrote %s/buildkitd.toml and %s/daemon.json\n' "$out" "$out" >&2
fi
if [ -n "$(valid_of goproxy)" ]; then
    GOPROXY=$(valid_of goproxy | tr '\n' '|')
    GOPROXY=${GOPROXY%|}
    export GOPROXY
    printf 'preflight: GOPROXY=%s\n' "$GOPROXY" >&2
fi

[ $# -gt 0 ] || exit 0
exec "$@"
