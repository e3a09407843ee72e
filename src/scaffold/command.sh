#!/bin/sh
# @NAME: says back what it is given. Speaks the bot's protocol on standard input and output, one JSON object a line; what
# it prints on standard error goes to the log. Needs jq. Try a change with `matterbot try '@NAME hello'`; `@reload` in the
# chat puts it into service.

printf '%s\n' '{"type":"hello","protocol":1,"binds":["@NAME"],"channels":[],"risk":"read",
  "help":{"":{"description":"says back what it is given","arguments":"<text>"}}}' | tr -d '\n'
printf '\n'

while IFS= read -r line; do
    [ "$(printf '%s' "$line" | jq -r .type)" = call ] || continue
    printf '%s' "$line" | jq -c '{
        type: "result",
        call: .id,
        messages: [{text: "\(.username) says: \(.parameters | join(" "))"}]
    }'
done
