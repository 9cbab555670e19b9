#!/bin/sh
# Gets the serving image of a commit, or builds it with what the last build left in the registry:
# build-image.sh IMAGE:TAG MODEL [REVISION]
# For sh: Docker's own image has no bash.
set -eu

image=${1:?which image? build-image.sh IMAGE:TAG MODEL [REVISION]}
model=${2:?which model? build-image.sh IMAGE:TAG MODEL [REVISION]}
revision=${3:-}
cache=${image%:*}/cache

# What went to staging goes to production as it is (push-image.sh named it so). Uncommitted sources have no revision.
if [ "$revision" ] && docker pull "${image%:*}:$revision-$model"; then
    docker tag "${image%:*}:$revision-$model" "$image"
    exit
fi

# The daemon's own builder keeps only the last stage's layers in a registry; this one keeps them all (mode=max), and
# with them the wheels that were compiled.
docker buildx use maskserve 2>/dev/null || docker buildx create --name maskserve --driver docker-container --use

# A first build finds no cache and goes on without; one that cannot be written must not cost the build.
# --load hands the image to the daemon, where scan and push find it; it can hold no attestations.
docker buildx build \
    --cache-from "type=registry,ref=$cache" \
    --cache-to "type=registry,ref=$cache,mode=max,ignore-error=true" \
    --build-arg "MODEL=$model" \
    --build-arg "REVISION=${revision:-unknown}" \
    --provenance=false \
    --tag "$image" \
    --load \
    .
