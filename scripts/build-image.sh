#!/bin/sh
# Pulls the image of a commit if an earlier build has pushed it; otherwise builds it, with the registry as build cache:
# build-image.sh IMAGE:TAG MODEL [REVISION]
# POSIX sh, because Docker's own image has no bash.
set -eu

image=${1:?IMAGE:TAG is missing. Usage: build-image.sh IMAGE:TAG MODEL [REVISION]}
model=${2:?MODEL is missing. Usage: build-image.sh IMAGE:TAG MODEL [REVISION]}
revision=${3:-}
cache=${image%:*}/cache

# Production gets the very image that staging runs; push-image.sh has tagged it. Uncommitted sources have no revision.
if [ "$revision" ] && docker pull "${image%:*}:$revision-$model"; then
    docker tag "${image%:*}:$revision-$model" "$image"
    exit
fi

# The default builder can cache only the last stage in a registry. This one caches all stages (mode=max), and so the
# compiled wheels.
docker buildx use maskserve 2>/dev/null || docker buildx create --name maskserve --driver docker-container --use

# A missing cache is ignored, and failing to write it does not fail the build. --load puts the image in Docker's store,
# for the steps that scan and push it; that store cannot hold attestations, hence --provenance=false.
docker buildx build \
    --cache-from "type=registry,ref=$cache" \
    --cache-to "type=registry,ref=$cache,mode=max,ignore-error=true" \
    --build-arg "MODEL=$model" \
    --build-arg "REVISION=${revision:-unknown}" \
    --provenance=false \
    --tag "$image" \
    --load \
    .
