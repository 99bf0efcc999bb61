# Sourced by the other scripts: makes .venv with any Python >= 3.11 and nothing else installed.
# shellcheck shell=sh

say() { printf '%s\n' "$*" >&2; }

# Prints the first Python >= 3.11 that starts; a second word asks for modules that it must have.
find_python() {
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        "$name" -I -c "import sys; sys.version_info >= (3, 11) or sys.exit(1); import $1" \
            >/dev/null 2>&1 || continue
        "$name" -I -c 'import sys; print(sys.executable)'
        return
    done
    return 1
}

# Debian's python3 comes without ensurepip, so there is more than one way to a venv.
make_venv() {
    if python=$(find_python "venv, ensurepip"); then
        "$python" -I -m venv "$1"
    elif ! python=$(find_python sys); then
        say "No Python >= 3.11 was found on PATH."
        return 1
    elif command -v uv >/dev/null; then
        UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} uv venv --quiet --seed --python "$python" "$1"
    elif "$python" -E -P -m virtualenv --version >/dev/null 2>&1; then
        "$python" -E -P -m virtualenv --quiet "$1"
    elif "$python" -E -P -m pip --version >/dev/null 2>&1 && "$python" -I -m venv --without-pip "$1"; then
        "$python" -E -P -m pip --quiet --python "$1/bin/python" install pip
    else
        say "$python cannot make a virtual environment: its ensurepip module is missing."
        say "On Debian and Ubuntu: apt-get install python3-venv"
        return 1
    fi
}

# Makes .venv in the repository where there is none that works, and installs what is named.
prepare() {
    if ! .venv/bin/python -I -m pip --version >/dev/null 2>&1; then
        rm -rf .venv
        make_venv .venv || return
    fi
    .venv/bin/python -I -m pip install --quiet --disable-pip-version-check "$@"
}
