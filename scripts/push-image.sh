#!/bin/sh
# Pushes an image, also under a tag for its commit and model, and writes its name with digest to FILE:
# push-image.sh IMAGE:TAG FILE MODEL [REVISION]
# POSIX sh, because Docker's own image has no bash.
set -eu

image=${1:?IMAGE:TAG is missing. Usage: push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
file=${2:?FILE is missing. Usage: push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
model=${3:?MODEL is missing. Usage: push-image.sh IMAGE:TAG FILE MODEL [REVISION]}
revision=${4:-}

docker push "$image"
if [ "$revision" ]; then  # build-image.sh looks for this tag
    docker tag "$image" "${image%:*}:$revision-$model"
    docker push "${image%:*}:$revision-$model"
fi
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" \
    | grep "^${image%:*}@sha256:" >"$file" \
    || { echo "$image was pushed, but Docker does not report its digest, which is needed to deploy it." >&2; exit 1; }
cat "$file"
