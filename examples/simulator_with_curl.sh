#!/bin/sh
# You will see: a message sent and waited for, a person writing back, and a fault that refuses one message and no more.
#
# Start `vonage-messages simulator` in another terminal, and paste the `export` lines that it prints into this one.
set -eu

simulator=${VONAGE_BASE_URL:?start a simulator, and paste the export lines that it prints}
json='Content-Type: application/json'

send() { # the text; prints the status of the answer
    curl --silent --show-error --output /dev/null --write-out '%{http_code}\n' \
        --user "$VONAGE_API_KEY:$VONAGE_API_SECRET" --header "$json" \
        --data "{\"channel\": \"sms\", \"message_type\": \"text\", \"to\": \"447700900000\", \"from\": \"Acme\", \"text\": \"$1\"}" \
        "$simulator/v1/messages"
}

control() { # verb, path, and what else curl is to be told; fails where the answer is an error
    verb=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --request "$verb" "$@" "$simulator/_simulator/$path"
}

echo "sent: $(send 'Your code is 4242')"

# Wait for a message with these words, and until it is delivered; 408 after ten seconds.
control POST wait --header "$json" \
    --data '{"to": "447700900000", "text": "code is", "status": "delivered", "timeout": 10}' |
    sed -n 's/.*"text": "\([^"]*\)".*/delivered: \1/p'

# The person answers. Where the simulator knows an inbound webhook, that is called.
control POST inbound --header "$json" --data '{"channel": "sms", "from": "447700900000", "fields": {"text": "Thanks"}}' \
    >/dev/null
control GET 'messages?direction=inbound&limit=1' | sed -n 's/.*"text": "\([^"]*\)".*/written: \1/p'

# The next message to this number is throttled, and the one after that is not.
control POST faults --header "$json" --data '{"kind": "throttle", "to": "447700900000", "count": 1}' >/dev/null
echo "throttled: $(send 'First try')"
echo "sent: $(send 'Second try')"

control DELETE faults
control POST reset --header "$json" --data '{}'
