#!/bin/sh
# You will see: the version of the library, after it was installed into the environment that is active.
#
# It has the import name of Vonage's own synchronous SDK: install one of the two, not both.
set -eu

pip install --quiet vonage-messages-async
python -c 'import vonage_messages; print("vonage-messages-async", vonage_messages.__version__)'
