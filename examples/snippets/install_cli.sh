#!/bin/sh
# You will see: the version of the command vonage-messages, after it was installed into the environment that is active.
set -eu

pip install --quiet "vonage-messages-async[cli]"
vonage-messages --version
