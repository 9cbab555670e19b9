#!/bin/sh
# Pushes an image, also as that of its commit and model, and notes what it is called by its digest:
# push-image.sh IMAGE:TAG FILE MODEL [REVISION]
# For sh: Docker's own image has no bash.
set -eu

image=${1:?which image? push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
file=${2:?where to note the digest? push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
model=${3:?which model? push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
revision=${4:-}

docker push "$image"
if [ "$revision" ]; then  # by which build-image.sh finds it again
    docker tag "$image" "${image%:*}:$revision-$model"
    docker push "${image%:*}:$revision-$model"
fi
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" \
    | grep "^${image%:*}@sha256:" >"$file" \
    || { echo "$image was pushed, but Docker does not know its digest, by which it is deployed." >&2; exit 1; }
cat "$file"
