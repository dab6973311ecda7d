#!/bin/sh
# Set this checkout up: find Python, find or fetch uv, install the locked packages into .venv.
#
# Needs Python 3.12 or newer and any pip; neither root nor Docker. Says nothing when there is nothing
# to do. PYTHON names another interpreter. A package index configured for pip or uv is used instead
# of pypi.org; hashes are checked against uv.lock either way.
set -eu
cd "$(dirname "$0")/.."

UV=.tools/bin/uv
STAMP=.venv/.installed-from

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
members() { ls libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml 2>/dev/null; }

# What the installation depends on: when this text is unchanged, so is what is in .venv.
fingerprint() {
    # shellcheck disable=SC2046 # a list of files
    cat uv.lock pyproject.toml $(members) scripts/bootstrap.sh | cksum
    echo "python=${PYTHON:-}"
}

is_current() {
    [ -x "$UV" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(fingerprint)" ] &&
        .venv/bin/python -c 'import tenantry_common' 2>/dev/null
}

# Candidates are executed, not only looked up: the shims of pyenv exist for versions that are not
# selected, and fail when run.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3
    fi
    for candidate; do
        "$candidate" -c 'import sys; sys.version_info < (3, 12) and sys.exit(1); print(sys.executable)' \
            2>/dev/null && return
    done
    fail "no Python 3.12 or newer was found (tried: $*). Install one (Debian 13, Ubuntu 24.04:" \
        "apt-get install python3; elsewhere: pyenv install 3.12), or name one: make PYTHON=/path/to/python"
}

is_new_enough() { # 0.11 is required-version in pyproject.toml
    "$1" --version 2>/dev/null | awk '{ split($2, v, "."); ok = v[1] > 0 || v[2] >= 11 } END { exit !ok }'
}

find_pip() {
    for python in "$1" python3 /usr/bin/python3 python; do
        if "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    fail "neither uv nor pip was found. Install one: apt-get install python3-pip," \
        "or see https://docs.astral.sh/uv/getting-started/installation/"
}

# --target makes pip write into a folder of ours, so that neither an externally managed Python (PEP
# 668) nor a missing venv module is in the way.
provide_uv() {
    mkdir -p .tools/bin
    if ! found=$(command -v uv) || ! is_new_enough "$found"; then
        found=$PWD/.tools/uv/bin/uv
        if ! is_new_enough "$found"; then
            say 'installing uv into .tools/uv'
            pip_python=$(find_pip "$1") || exit
            PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
                "$pip_python" -m pip install -qq --no-user --upgrade --no-deps --only-binary=:all: \
                --target .tools/uv 'uv>=0.11' ||
                fail 'pip could not install uv. Check the network and the proxy (HTTPS_PROXY) or the' \
                    'index (PIP_INDEX_URL), or install uv 0.11 or newer yourself, and run this again.'
        fi
    fi
    ln -sf "$found" "$UV"
}

pip_setting() { python3 -m pip config get "global.$1" 2>/dev/null || true; }

# Where pip was told which index and which certificates to use, uv is told the same.
configure_index() {
    SSL_CERT_FILE=${SSL_CERT_FILE:-${PIP_CERT:-$(pip_setting cert)}}
    [ -z "$SSL_CERT_FILE" ] || export SSL_CERT_FILE
    if [ -z "${UV_INDEX:-}${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$(pip_setting index-url)}
        [ -z "$UV_DEFAULT_INDEX" ] || export UV_DEFAULT_INDEX
    fi
}

install_packages() {
    if [ -z "${UV_INDEX:-}${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        say 'installing the locked packages into .venv'
        "$UV" sync --frozen --quiet
    else
        say 'installing the locked packages into .venv, from the configured package index'
        install_packages_from_index
    fi
}

# uv.lock holds the address of every file at pypi.org, which `uv sync` uses whatever the index is. So
# the names, versions and hashes are exported, and the files are looked up in the index.
install_packages_from_index() {
    requirements=.tools/requirements.txt
    "$UV" export --frozen --quiet --all-packages --no-emit-workspace --output-file "$requirements" &&
        "$UV" venv --quiet --allow-existing --prompt "$(basename "$PWD")" .venv || return
    # Without the project's configuration: many mirrors do not tell the upload dates that
    # exclude-newer compares, and what is pinned by its hash needs no such care.
    # shellcheck disable=SC2046 # a list of arguments
    UV_NO_CONFIG=1 "$UV" pip sync --quiet --python .venv --require-hashes "$requirements" &&
        UV_NO_CONFIG=1 "$UV" pip install --quiet --python .venv --no-deps \
            $(members | sed 's|^\(.*\)/pyproject.toml$|--editable \1|')
}

is_current && exit
python=$(find_python) || exit
say "using Python $("$python" -V | cut -d' ' -f2) ($python)"
provide_uv "$python"
export UV_PYTHON="$python" UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$PWD/.venv"
configure_index
install_packages ||
    fail 'the packages could not be installed; uv says why above. If it is the network: check the' \
        'proxy (HTTPS_PROXY), or name an index that can be reached (PIP_INDEX_URL), and run this again.'
fingerprint >"$STAMP"
say 'done'
