# Sourced by the steps of the actions.
# shellcheck shell=bash

# What the checkout's files could make git run is switched off.
safe_git() {
    git -c safe.bareRepository=explicit -c core.hooksPath=/dev/null -c core.fsmonitor=false \
        -c protocol.ext.allow=never -c submodule.recurse=false "$@"
}

# A folder that is named relative to the checkout must not be a link that leads out of it.
refuse_outside() {
    case "$1" in /*) return ;; esac
    local checkout folder
    checkout="$(pwd -P)"
    folder="$(cd -P -- "$(dirname -- "$1")" && pwd -P)"
    case "$folder/" in "$checkout"/*) return ;; esac
    echo "error: $1 leads out of the checkout" >&2
    exit 2
}
