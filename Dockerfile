# The production image: the service, one compiled model, no TensorFlow and no compiler.
#
#     docker build --tag maskserve .
#     docker build --tag maskserve --build-arg BUNDLES=models --build-arg MODEL=parts .    # models/parts in place of nuclei
#     docker build --tag maskserve-train --target train .    # trains, imports and exports models: python -m model
#
# A model can also come at start: MASKSERVE_MODELS=gs://bucket/models/parts at run time, without a build.
# A package index other than PyPI: --secret id=pip.conf,src=… ; it is in no layer.

# By digest, or a build next month would be of something else: a newer one brings Debian's and Python's fixes.
ARG BASE=docker.io/library/python:3.11.17-slim-bookworm@sha256:0a310eeecf4e1f5a0743f9a6520c90c88d089c903ca5fd283f501e3a805f5f89
ARG BUNDLES=model/bundles
ARG MODEL=nuclei


# --- Packages: uWSGI compiles, with a compiler that stays here ----------------------------------------------

FROM ${BASE} AS packages
# Versions are not pinned: Debian's mirror drops each as soon as a fix for it is there.
# Nothing but the C library beside them: uWSGI links whatever else it finds, and the last stage would lack it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/venv
WORKDIR /build
COPY requirements-serve.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/venv/bin/python install --no-cache-dir --requirement requirements-serve.txt

# Serving needs of OpenVINO the CPU and its own format. The rest, 90 MB, is for other devices and for exporting.
# And of imagecodecs what a TIFF may hold. The rest, 50 MB, is for other files.
FROM packages AS packages-serve
RUN find /opt/venv -path '*/openvino/libs/*' \( -name '*_gpu_plugin.so' -o -name cache.json -o -name '*_npu_plugin.so' \
        -o -name '*_frontend.so.*' ! -name '*_ir_frontend.so.*' \) -delete \
    && find /opt/venv -regextype posix-extended \( -path '*/imagecodecs/_*.so' -o -path '*/imagecodecs.libs/*' \) \
        ! -regex '.*/_(ccitt|deflate|imcd|jpeg(2k|8|sof3|xl|xr)|lerc|ljpeg|lzma|png|shared|shared_cython|webp|zlib|zstd)[.].*' \
        ! -regex '.*/lib(Lerc|brotli.*|deflate|jpeg|jpegxr|jxl.*|jxrglue|lcms2|lzma|openjp2|png16|sharpyuv|webp.*|zstd)-.*' -delete

FROM packages AS packages-train
COPY requirements.txt requirements-train.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/venv/bin/python install --no-cache-dir --requirement requirements.txt


# --- Code and model, readable whatever the mask of who checked them out -------------------------------------

FROM ${BASE} AS code
WORKDIR /code
COPY uwsgi.ini ./
COPY app app
COPY front front
COPY model model
# Compiled here, since nothing can be written where it runs.
RUN rm -rf model/bundles \
    && python -m compileall -q --invalidation-mode unchecked-hash app front model \
    && chmod -R a+rX .

FROM ${BASE} AS bundle
ARG BUNDLES
ARG MODEL
COPY ${BUNDLES}/${MODEL} /bundles/${MODEL}
# Stages are compiled and measured where the pictures for that are, and come with the bundle: serving has no other engine.
RUN [ -d "/bundles/${MODEL}/openvino" ] \
    || { echo "model ${MODEL} has no compiled stages: python -m model export ${MODEL}" >&2; exit 1; } \
    && chmod -R a+rX /bundles


# --- What both images have ----------------------------------------------------------------------------------

FROM ${BASE} AS runtime
RUN groupadd --gid 10001 maskserve \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin maskserve
# All that is ever written is below /tmp: the counts of /metrics, models that come by gs://.
ENV HOME=/tmp \
    MASKSERVE_MODEL_DIR=/tmp/models \
    PATH=/opt/venv/bin:$PATH \
    VIRTUAL_ENV=/opt/venv
WORKDIR /srv/maskserve
USER 10001:10001


# --- The image that trains: docker run -v "$PWD:/data" maskserve-train train --data /data/… --out /data/… -----

FROM runtime AS train
COPY --from=packages-train /opt/venv /opt/venv
COPY --from=bundle /bundles model/bundles
COPY --from=code /code ./
ENTRYPOINT ["python", "-m", "model"]


# --- The image that serves ----------------------------------------------------------------------------------

FROM runtime AS serve
COPY --from=packages-serve /opt/venv /opt/venv
COPY --from=bundle /bundles model/bundles
COPY --from=code /code ./
ARG MODEL
ENV MASKSERVE_MODELS=${MODEL}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MaskServe" \
      org.opencontainers.image.description="Serves instance segmentation by HTTP" \
      org.opencontainers.image.revision=${REVISION}
EXPOSE 8080
# Ready, not only alive: who waits for a healthy container wants to send it pictures.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-I", "app/probe.py"]
# Finishes what it has, and exits 0 (uwsgi.ini).
STOPSIGNAL SIGTERM
ENTRYPOINT ["uwsgi", "uwsgi.ini"]
