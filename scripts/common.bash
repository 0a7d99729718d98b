# What the scripts in this folder share. Sourced, not run.
# shellcheck shell=bash

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repository" || exit

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# --- Tools ---------------------------------------------------------------------------------------------------------

# Finds Swift where installers put it, if it is not on the path already.
need_swift() {
    local folder
    for folder in "$HOME/.local/share/swiftly/bin" /opt/swift/usr/bin /usr/share/swift/usr/bin; do
        command -v swift >/dev/null && break
        [[ -x $folder/swift ]] && PATH="$folder:$PATH"
    done
    command -v swift >/dev/null || fail "no 'swift' on the path: install Swift 6.2 or later (https://www.swift.org/install)"
    local version
    version="$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)"
    local major minor
    read -r major minor <<<"$version" || true
    [[ -n ${minor:-} ]] || fail "'swift --version' does not tell a version; is the toolchain complete?"
    ((major > 6 || (major == 6 && minor >= 2))) || fail "Swift $major.$minor is too old: 6.2 or later is needed"
}

# need_package PACKAGE WHY: installs a Debian package. Services that come with it are not started.
need_package() {
    local package="$1" why="$2"
    local -a root=()
    command -v apt-get >/dev/null \
        || fail "'$package' is missing ($why), and this system has no apt-get: install it with your package manager"
    if ((EUID != 0)); then
        local advice="ask for 'apt-get install $package' and run this again"
        command -v sudo >/dev/null || fail "'$package' is missing ($why), and you have neither root's rights nor sudo: $advice"
        # Asks for the password now, while nothing else writes to the terminal.
        if [[ -t 0 ]]; then sudo -v; else sudo -n true 2>/dev/null; fi \
            || fail "'$package' is missing ($why), and sudo does not let you in: $advice"
        root=(sudo -n)
    fi
    say "Installing $package: $why."
    if [[ -z ${apt_is_fresh:-} ]]; then
        with_progress "apt-get update" "${root[@]}" apt-get update -q || fail "'apt-get update' failed; see above"
        apt_is_fresh=yes
    fi
    # The Debian way to say that a package's service is not to be started.
    local policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        undo=("${root[@]}" rm -f "$policy")
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
        "${root[@]}" chmod 755 "$policy"
    fi
    with_progress "apt-get install $package" \
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" \
        || fail "'apt-get install $package' failed; see above"
    clean_up
}

# What the compiler and the packages that Minion uses need beside the toolchain.
need_build_tools() {
    need_swift
    command -v git >/dev/null || need_package git "fetches the Swift packages that Minion uses"
    [[ $(uname -s) == Linux ]] || return 0
    [[ -e /usr/include/zlib.h ]] || need_package zlib1g-dev "one of these packages links it"
    [[ -e /usr/include/sqlite3.h ]] || need_package libsqlite3-dev "the manager keeps its records in SQLite"
    [[ -e /usr/include/postgresql/libpq-fe.h ]] || need_package libpq-dev "or it keeps them in PostgreSQL"
    # Without it, the compiler does not find PostgreSQL's header.
    command -v pkg-config >/dev/null || need_package pkg-config "tells where libpq is"
}

# --- Steps ---------------------------------------------------------------------------------------------------------

# The process group that runs at the moment, and what has to be undone when the script ends.
child=
undo=()
steps=()

# start COMMAND…: runs a command in a process group of its own, so that it can be ended with all that it started.
start() {
    set -m
    "$@" </dev/null &
    child=$!
    set +m
}

# finish: waits for what was started, and returns its status.
finish() {
    local status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

clean_up() {
    local signal
    if [[ -n $child ]]; then
        for signal in INT TERM KILL; do
            kill "-$signal" -- "-$child" 2>/dev/null || break
            # As long as anything of the group is left, for up to 3 s.
            for _ in {1..30}; do
                kill -0 -- "-$child" 2>/dev/null || break 2
                sleep 0.1
            done
        done
        child=
    fi
    if ((${#undo[@]})); then "${undo[@]}"; fi
    undo=()
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# with_progress LABEL COMMAND…: runs a command that prints too much to be read, shows that it lives, and shows its last
# words if it fails.
with_progress() {
    local label="$1" begin=$EPOCHREALTIME shown=0 status=0 log
    shift
    log="$(mktemp)"
    start "$@" >"$log" 2>&1
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        local seconds
        seconds="$(elapsed "$begin")"
        if [[ -t 1 ]]; then
            printf '\r  %s … %s s' "$label" "$seconds"
        elif ((${seconds%.*} >= shown + 10)); then
            shown=${seconds%.*}
            say "  $label … $shown s"
        fi
    done
    finish || status=$?
    if [[ -t 1 ]]; then printf '\r\033[K'; fi
    if ((status == 0)); then say "  $label: $(elapsed "$begin") s"; else tail -n 30 "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# step NAME COMMAND…: runs a command with its own output, and prints what it took; ends the script if it fails.
step() {
    local name="$1" begin=$EPOCHREALTIME status=0
    shift
    say ""
    say "== $name"
    say "   $*"
    start "$@"
    finish || status=$?
    if ((status != 0)); then
        say "== $name: FAILED after $(elapsed "$begin") s (exit code $status)"
        exit "$status"
    fi
    say "== $name: $(elapsed "$begin") s"
    steps+=("$(printf '%8s s  %s' "$(elapsed "$begin")" "$name")")
}

# elapsed START: seconds since then, with one decimal.
elapsed() {
    local now=$EPOCHREALTIME
    local micros=$((${now/[.,]/} - ${1/[.,]/}))
    printf '%d.%d' $((micros / 1000000)) $((micros % 1000000 / 100000))
}
