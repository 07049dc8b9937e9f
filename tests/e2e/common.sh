# What the scripts beside this one share: words, waiting, and an end that leaves nothing behind.
set -euo pipefail

passed=0
ok() { passed=$((passed + 1)); printf 'ok: %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; ok "$1"; }
says() { grep -qF -- "$2" <<<"$3" || fail "$1: no '$2' in '$3'"; ok "$1"; }
needs() { for tool in "$@"; do command -v "$tool" >/dev/null || fail "$tool is missing: install it (see .ci/run)"; done; }
static() { if ldd "$1" 2>/dev/null | grep -q '=>'; then fail "$1 is not static: build it as .ci/run does"; fi; }

# Only a failure takes 20 seconds.
eventually() {
    for _ in $(seq 400); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.05; done
    fail "not within 20 s: $*"
}

# A folder of the script's own. What it has started and not waited for are its jobs.
work=$(mktemp -d)
finish() {
    status=$?
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*log; do [ -s "$log" ] && printf -- '--- the end of %s\n' "${log##*/}" && tail -n 20 "$log"; done
    fi
    # The shell would say of each that it was killed.
    exec 2>/dev/null
    for process in $(jobs -p); do kill -KILL "$process" || true; done
    wait
    for mounted in ${mounts-}; do umount -l "$mounted"; done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
