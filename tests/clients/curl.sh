#!/bin/bash
# curl.sh ADDRESS PICTURE: a picture in each way that curl sends one; a line of its name and the answer for each.
set -euo pipefail
segment=$1/api/v1/segment

ask() {
    local way=$1 answer
    shift
    answer=$(curl --silent --show-error --fail-with-body "$@") || { echo "$way: $answer" >&2; exit 1; }
    echo "$way $answer"
}

ask form -F "image=@$2" -F threshold=0.5 "$segment"
ask typed-part -F "image=@$2;type=image/png;filename=\"a b.png\"" "$segment"
ask json-parameter -F "image=@$2" -F 'threshold=0.5;type=application/json' "$segment"
ask body --data-binary "@$2" "$segment"
ask typed-body --data-binary "@$2" -H 'Content-Type: image/png' "$segment"
ask upload -X POST -T "$2" "$segment"
ask chunked-upload -X POST -T - "$segment" < "$2"
ask chunked-form -H 'Transfer-Encoding: chunked' -F "image=@$2" "$segment"
base64 -w 0 "$2" | sed 's/.*/{"image": "&"}/' | ask json --json @- "$segment"
base64 -w 0 "$2" | sed 's/.*/{"image": "&"}/' | ask untyped-json -d @- "$segment"
gzip < "$2" | ask gzip --data-binary @- -H 'Content-Encoding: gzip' "$segment"
gzip < "$2" | ask chunked-gzip -X POST -T - -H 'Content-Encoding: gzip' "$segment"
ask waiting -H 'Expect: 100-continue' --data-binary "@$2" "$segment"
ask http-1.0 --http1.0 -F "image=@$2" "$segment"
ask batch -F "images=@$2" -F "image=@$2" "$1/api/v1/batch"
