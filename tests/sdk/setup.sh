#!/bin/sh
# Installs the clients that these tests run: Python's in folders of their own, Node's from the lock file,
# and a browser.
set -eu
cd "$(dirname "$0")"

missing() { ! command -v "$1" >/dev/null 2>&1; }

packages=""
if missing python3 || ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
    packages="python3 python3-venv"
fi
if missing npm; then packages="$packages nodejs npm"; fi
if missing curl; then packages="$packages curl"; fi
# Debian has the browser without its windows, and with them; on another system any Chromium will do that
# CHROMIUM names.
if [ -z "${CHROMIUM:-}" ] && missing chromium-headless-shell && missing chromium \
    && missing google-chrome; then
    packages="$packages chromium-headless-shell"
fi
if [ -n "$packages" ]; then
    if missing apt-get; then
        echo "sdk tests: please install by hand: $packages" >&2
        exit 1
    fi
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then sudo="sudo"; fi
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
fi

# What is installed already, from the same list, is left alone.
for folder in python/openai-3 python/openai-2 behest; do
    if ! cmp -s "$folder/requirements.txt" "$folder/.venv/installed.txt"; then
        rm -rf "$folder/.venv"
        python3 -m venv "$folder/.venv"
        "$folder/.venv/bin/pip" install -q --disable-pip-version-check -r "$folder/requirements.txt"
        cp "$folder/requirements.txt" "$folder/.venv/installed.txt"
    fi
done
if ! cmp -s node/package-lock.json node/node_modules/installed.json; then
    # No package's install script is needed, so none is run. The client's major 7 asks for a newer Node
    # than the system may have; it gets the one that is installed beside it.
    npm --prefix node ci --ignore-scripts --no-audit --no-fund --loglevel=error
    cp node/package-lock.json node/node_modules/installed.json
fi
