#!/bin/sh
# Installs what the load bench measures against: nginx, and taskset and setpriv for pinning.
set -eu

missing() { ! command -v "$1" >/dev/null 2>&1; }
# Debian keeps nginx where only root's PATH looks.
PATH="$PATH:/usr/sbin:/sbin"

packages=""
if missing nginx; then packages="nginx"; fi
if missing taskset || missing setpriv; then packages="$packages util-linux"; fi
if [ -z "$packages" ]; then exit 0; fi

if missing apt-get; then
    echo "load bench: please install by hand:$packages" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then sudo="sudo"; fi
# No service must come up: the bench starts its own nginx on a free port.
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends $packages
