#!/bin/sh
# Prints the path of a Chromium; installs Debian's where there is none and we may. Says what is missing where we may not.
set -eu
for name in ${VONAGE_BROWSER:-} chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium (once)" >&2
    export DEBIAN_FRONTEND=noninteractive
    patience="-o Acquire::Retries=5 -o DPkg::Lock::Timeout=300"
    # A list of packages that is older than the index, or was not read, is read again.
    for left in 2 1 0; do
        # shellcheck disable=SC2086  several words
        apt-get $patience update -qq >&2 || true
        # shellcheck disable=SC2086  see above
        apt-get $patience install -y -qq --no-install-recommends chromium >&2 && break
        [ "$left" = 0 ] || sleep 10
    done
    command -v chromium
    exit 0
fi
echo "The browser tests need Chromium: install the package chromium (Debian, as root: apt-get install chromium)," >&2
echo "or name one in VONAGE_BROWSER." >&2
exit 1
