# shellcheck shell=bash
# Shared by deploy/up and deploy/test: what the machine must have, and how a long step is run. Sourced, not executed.

# What Debian 12 and Ubuntu call the parts that PushGate builds on and runs with.
# shellcheck disable=SC2034 # read by the scripts that source this
needed_packages=(
    mosquitto         # the broker that `serve` starts and supervises
    mosquitto-clients # mosquitto_sub and mosquitto_pub
    libmosquitto-dev  # the gateway's MQTT client
    mosquitto-dev     # headers of the broker's plugin interface
    libsqlite3-dev    # the archive
    zlib1g-dev        # Tencent UserSig is deflated
)
swift_major_minimum=6
swift_minor_minimum=3

say() { printf '==> %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# Packages of its arguments that dpkg does not have, one a line.
missing_packages() {
    local package
    for package in "$@"; do
        [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || printf '%s\n' "$package"
    done
}

# Runs a command as root: directly, or through sudo, which asks for a password only where there is a terminal.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# apt-get update and install, without questions. Debian's mosquitto package would start a broker of its own on port 1883
# and at every boot; the gateway starts the one it needs. A policy (invoke-rc.d(8): 101 = not allowed) forbids the first,
# disabling the unit the second. A policy that is there already is the administrator's and stays.
# shellcheck disable=SC2016 # expands in the root shell
install_script='
set -eu
policy=/usr/sbin/policy-rc.d
made=no
cleanup() { if [ "$made" = yes ]; then rm -f "$policy"; fi; }
trap cleanup EXIT
trap "exit 130" INT TERM HUP
if [ ! -e "$policy" ] && [ -d /usr/sbin ]; then
    printf "#!/bin/sh\nexit 101\n" >"$policy"
    made=yes
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o DPkg::Lock::Timeout=300
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
case " $* " in
*" mosquitto "*)
    systemctl disable mosquitto.service >/dev/null 2>&1 ||
        deb-systemd-helper disable mosquitto.service >/dev/null 2>&1 || true
    ;;
esac
'

# Installs those of its arguments that are missing, or ends with one line that says what to do.
need_packages() {
    if [[ ${SKIP_INSTALL:-} == 1 ]]; then
        say "SKIP_INSTALL=1: taking it that these are there: $*"
        return
    fi
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        fail "this is neither Debian nor Ubuntu: install what they call $* yourself, then run SKIP_INSTALL=1 $0"
    fi
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [[ ${#missing[@]} -eq 0 ]]; then
        say "Debian packages: all there"
        return
    fi
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null ||
            fail "missing packages, and neither root nor sudo: run as root: apt-get install ${missing[*]}"
        [[ -t 0 ]] || sudo -n true 2>/dev/null ||
            fail "missing packages, and sudo asks for a password: run first: sudo apt-get install ${missing[*]}"
    fi
    say "installing Debian packages: ${missing[*]}"
    as_root sh -c "$install_script" install "${missing[@]}" </dev/null ||
        fail "apt-get could not install ${missing[*]} (its own words stand above)"
    mapfile -t missing < <(missing_packages "${missing[@]}")
    [[ ${#missing[@]} -eq 0 ]] || fail "apt-get ended well, but these are still missing: ${missing[*]}"
    say "Debian packages: installed (mosquitto.service stays off: the gateway starts its own broker)"
}

# Finds Swift in PATH or where its installer, swiftly, puts it.
need_swift() {
    local version swiftly="${SWIFTLY_BIN_DIR:-${HOME:-/root}/.local/share/swiftly/bin}"
    if ! command -v swift >/dev/null && [[ -x $swiftly/swift ]]; then PATH="$PATH:$swiftly"; fi
    local advice="get Swift $swift_major_minimum.$swift_minor_minimum or newer from https://www.swift.org/install/linux/"
    if ! command -v swift >/dev/null; then
        [[ -z ${SUDO_USER:-} ]] || advice="run $0 without sudo (it asks for it where it is needed), or $advice"
        fail "there is no swift in PATH: $advice"
    fi
    # Read to its end: a closed pipe would end swift with a signal, and this script with it.
    version=$(swift --version 2>/dev/null) || fail "swift does not start (try: swift --version): $advice"
    [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "swift --version says no version: $advice"
    local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
    ((major > swift_major_minimum || (major == swift_major_minimum && minor >= swift_minor_minimum))) ||
        fail "Swift $major.$minor is too old: $advice"
    say "Swift $major.$minor"
}

# More sockets than the usual 1024, where the hard limit allows it.
raise_file_limit() {
    local hard
    hard=$(ulimit -Hn)
    if [[ $hard == unlimited ]] || ((hard > 65536)); then hard=65536; fi
    ulimit -Sn "$hard" 2>/dev/null || true # a lower limit serves, too, with fewer connections
}

heartbeat_pid=

stop_heartbeat() {
    [[ -n $heartbeat_pid ]] || return 0
    kill "$heartbeat_pid" 2>/dev/null || true
    wait "$heartbeat_pid" 2>/dev/null || true
    heartbeat_pid=
}

# Says every half minute that a step is still running, for logs that would otherwise stand still. Ends with this script,
# however that ends, and takes its own sleep along: an orphan would keep the log's pipe open.
heartbeat() {
    local title=$1 script=$$ begin=$SECONDS pause=
    trap '[[ -z $pause ]] || kill "$pause" 2>/dev/null; exit 0' TERM
    while :; do
        sleep 30 &
        pause=$!
        wait "$pause" || true
        kill -0 "$script" 2>/dev/null || exit 0
        printf '    … %s: %d s\n' "$title" $((SECONDS - begin))
    done
}

# step TITLE COMMAND…: prints the command, runs it with nothing on standard input, says how long it took. Returns the
# command's status.
step() {
    local title=$1 status=0 begin=$SECONDS
    shift
    say "$title"
    printf '    $'
    printf ' %q' "$@"
    printf '\n'
    heartbeat "$title" &
    heartbeat_pid=$!
    "$@" </dev/null || status=$?
    stop_heartbeat
    if [[ $status -eq 0 ]]; then
        say "$title: done in $((SECONDS - begin)) s"
    else
        say "$title: FAILED with exit code $status after $((SECONDS - begin)) s"
    fi
    return "$status"
}
