#!/bin/sh
# Installs what the tests of the real clients need, and runs them. Arguments go to run.py.
set -eu
here="$(dirname "$0")"
"$here/setup.sh"
exec python3 "$here/run.py" "$@"
