# shellcheck shell=sh
# How the scripts run tests and count them, to be sourced. With nextest where it is there, else with cargo alone.

cargo=${CARGO:-cargo}
if "$cargo" nextest --version >/dev/null 2>&1; then has_nextest=yes; else has_nextest=; fi

# Most tests wait for most of their time, so more may run than there are processors. Of the tests that work all the time
# nextest runs one for each processor (.config/nextest.toml).
RUST_TEST_THREADS=$(($(nproc) * 3))
export RUST_TEST_THREADS

# run_tests TARGET... [-- ARGUMENT...]: runs tests of these targets. It is the whole workspace all the same, lest cargo
# chooses other features and compiles everything again.
run_tests() {
    if [ -n "$has_nextest" ]; then
        (set -x && "$cargo" nextest run --locked --workspace --no-fail-fast --test-threads "$RUST_TEST_THREADS" "$@")
    else
        (set -x && "$cargo" test --locked --workspace --no-fail-fast "$@")
    fi
}

# count_tests TARGET... [-- PART...]: how many tests of these targets have one of these parts in their names.
count_tests() {
    case " $* " in *' -- '*) ;; *) set -- "$@" -- ;; esac
    "$cargo" test --locked --workspace --quiet "$@" --list | grep -c ': test$'
}

# not_run HOW_MANY WHAT WHY: says what this machine lacks for a test, and once more at the end of it all.
not_run() {
    printf '*** NOT RUN: %s %s: %s\n' "$@" | tee -a "${NOT_RUN:-/dev/null}" >&2
}

# Makes the script say at its end what was not run, unless the script that started it does so.
say_what_was_not_run() {
    [ -z "${NOT_RUN:-}" ] || return 0
    NOT_RUN=$(mktemp)
    export NOT_RUN
    trap 'sort -u "$NOT_RUN" >&2; rm "$NOT_RUN"' EXIT
    trap 'exit 1' HUP INT TERM
}

# find_why_not PROGRAM...: sets $why to what keeps these programs from running in namespaces of their own; to nothing if
# nothing does.
find_why_not() {
    why=
    [ "$(id -u)" -eq 0 ] || why='only root can make the namespaces for it'
    for program in ip setpriv unshare "$@"; do
        command -v "$program" >/dev/null 2>&1 || why="there is no $program"
    done
}
