#!/bin/sh
# Builds the image, with the registry as build cache: build-image.sh IMAGE:TAG MODEL [REVISION]
# DOCKER_HUB in the environment is a registry through which to pull from Docker Hub. Default: Docker Hub itself.
# POSIX sh, because Docker's own image has no bash.
set -eu

image=${1:?IMAGE:TAG is missing. Usage: build-image.sh IMAGE:TAG MODEL [REVISION]}
model=${2:?MODEL is missing. Usage: build-image.sh IMAGE:TAG MODEL [REVISION]}
revision=${3:-}
hub=${DOCKER_HUB:-docker.io}
cache=${image%:*}/cache

base=$(sed -n 's|^ARG BASE=docker.io/||p' Dockerfile)
[ "$base" ] || { echo "build-image: expected a line ARG BASE=docker.io/… in Dockerfile" >&2; exit 1; }

# The default builder can cache only the last stage in a registry. This one caches all stages (mode=max), and so the
# compiled wheels.
docker buildx use maskserve 2>/dev/null \
    || docker buildx create --name maskserve --driver docker-container \
        --driver-opt "image=$hub/moby/buildkit:v0.25.1@sha256:79cc6476ab1a3371c9afd8b44e7c55610057c43e18d9b39b68e2b0c2475cc1b6" --use

# A missing cache is ignored, and failing to write it does not fail the build. --load puts the image in Docker's store,
# for the steps that scan and push it; that store cannot hold attestations, hence --provenance=false.
docker buildx build \
    --cache-from "type=registry,ref=$cache" \
    --cache-to "type=registry,ref=$cache,mode=max,ignore-error=true" \
    --build-arg "BASE=$hub/$base" \
    --build-arg "MODEL=$model" \
    --build-arg "REVISION=${revision:-unknown}" \
    --provenance=false \
    --tag "$image" \
    --load \
    .
