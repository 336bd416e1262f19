# shellcheck shell=sh
# How the scripts say that this machine lacks something for a test, to be sourced.

# not_run HOW_MANY WHAT WHY: says so at once, and again at the end of it all, if there is an $NOT_RUN to keep it in.
not_run() {
    line="*** NOT RUN: $1 $2: $3"
    printf '%s\n' "$line" >&2
    [ -z "${NOT_RUN:-}" ] || printf '%s\n' "$line" >>"$NOT_RUN"
}

# Says at the end of it all what was not run: begin_not_run, then end_not_run. Who was started by another script leaves
# that to it.
