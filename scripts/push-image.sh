#!/bin/sh
# Pushes an image and notes what it is called by its digest: push-image.sh IMAGE:TAG FILE
# For sh: Docker's own image has no bash.
set -eu

image=${1:?which image? push-image.sh IMAGE:TAG FILE}
file=${2:?where to note the digest? push-image.sh IMAGE:TAG FILE}

docker push "$image"
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" \
    | grep "^${image%:*}@sha256:" >"$file" \
    || { echo "$image was pushed, but Docker does not know its digest, by which it is deployed." >&2; exit 1; }
cat "$file"
