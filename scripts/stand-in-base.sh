#!/usr/bin/env bash
# Builds a replacement for the official Python image, for machines that reach Debian's mirror but no container registry:
#
#     scripts/stand-in-base.sh NAME
#
# It uses podman and debootstrap. Everything that the Dockerfile relies on is as in the official image: Debian bookworm
# without Debian's Python; CPython with headers, shared library, pip and venv under /usr/local; no compiler. Python is
# Debian's version of 3.11, built without the optimisations that take half an hour.
set -euo pipefail

name=${1:?NAME is missing. Usage: scripts/stand-in-base.sh NAME}
mirror=http://deb.debian.org/debian
debian=$name-debian

for command in podman debootstrap; do
    command -v $command >/dev/null || {
        echo "$command is not installed. Run: apt-get install podman runc debootstrap" >&2
        exit 1
    }
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata bookworm "$folder/root" $mirror >&2
# The slim images leave these out too.
tar -C "$folder/root" -cf "$folder/root.tar" --exclude='./dev/*' --exclude='./var/cache/apt/*' \
    --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/info/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' .
podman import --quiet "$folder/root.tar" "$debian" >&2

podman build --isolation=chroot --layers=false --tag "$name" - >&2 <<END
FROM $debian AS python
WORKDIR /src
RUN echo "deb-src $mirror bookworm main" >/etc/apt/sources.list.d/source.list \
    && apt-get update -qq \
    && apt-get install -qq --no-install-recommends gcc libc6-dev make pkgconf xz-utils \
        libbz2-dev libffi-dev liblzma-dev libsqlite3-dev libssl-dev uuid-dev zlib1g-dev \
    && apt-get source --download-only python3.11 \
    && tar --strip-components=1 -xf python3.11_*.orig.tar.*
RUN ./configure --quiet --enable-shared --with-ensurepip LDFLAGS=-Wl,--strip-all \
    && make --quiet -j"\$(nproc)" \
    && make --quiet install \
    && find /usr/local -depth \( -name test -o -name tests -o -name '*.pyc' -o -name 'libpython*.a' \) -exec rm -rf {} +

FROM $debian
RUN apt-get update -qq \
    && apt-get install -qq --no-install-recommends libbz2-1.0 libffi8 liblzma5 libsqlite3-0 libssl3 libuuid1 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=python /usr/local /usr/local
RUN ldconfig && ln -s python3 /usr/local/bin/python && python --version && python -m pip --version
ENV LANG=C.UTF-8
CMD ["python3"]
END
podman rmi "$debian" >/dev/null 2>&1 || true  # the layers stay, as part of NAME
