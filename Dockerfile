# The production image: the service and one compiled model, without TensorFlow and compiler.
#
#     docker build --tag maskserve .
#     docker build --tag maskserve --build-arg BUNDLES=models --build-arg MODEL=parts .    # models/parts instead of nuclei
#     docker build --tag maskserve-train --target train .    # to train, import and export models
#     docker build --tag maskserve-bulk --target bulk .      # to segment whole buckets on Dataflow: docs/bulk.md
#
# To load a model at run time instead of building it in, set MASKSERVE_MODELS=gs://bucket/models/parts.
# To use a package index other than PyPI, pass --secret id=pip.conf,src=… (it is not stored in any layer).

# Pinned by digest, so that builds are reproducible. Update it to get the fixes of Debian and Python.
ARG BASE=docker.io/library/python:3.11.17-slim-bookworm@sha256:0a310eeecf4e1f5a0743f9a6520c90c88d089c903ca5fd283f501e3a805f5f89
# From each of these, only the target bulk takes one program. Beam's version must be that of locks/bulk.txt. Google tags
# its launcher by date; to build from the same one again, name it by its digest.
ARG BEAM=docker.io/apache/beam_python3.11_sdk:2.77.0
ARG LAUNCHER=gcr.io/dataflow-templates-base/python311-template-launcher-base:latest
ARG BUNDLES=model/bundles
ARG MODEL=nuclei


# --- Packages: the compiler that uWSGI needs stays in this stage ----------------------------------------------

FROM ${BASE} AS packages
# Versions are not pinned, because Debian's mirror removes a version as soon as it is superseded.
# No other libraries: uWSGI would link to whatever it finds, which the last stage would then lack.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/venv
WORKDIR /build
COPY locks/serve.txt locks/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --requirement locks/serve.txt

# Removes what serving does not need: OpenVINO's plugins for other devices and its importers (90 MB), and codecs of
# imagecodecs that do not occur in TIFF files (50 MB).
FROM packages AS packages-serve
RUN find /opt/venv -path '*/openvino/libs/*' \( -name '*_gpu_plugin.so' -o -name cache.json -o -name '*_npu_plugin.so' \
        -o -name '*_frontend.so.*' ! -name '*_ir_frontend.so.*' \) -delete \
    && find /opt/venv -regextype posix-extended \( -path '*/imagecodecs/_*.so' -o -path '*/imagecodecs.libs/*' \) \
        ! -regex '.*/_(ccitt|deflate|imcd|jpeg(2k|8|sof3|xl|xr)|lerc|ljpeg|lzma|png|shared|shared_cython|webp|zlib|zstd)[.].*' \
        ! -regex '.*/lib(Lerc|brotli.*|deflate|jpeg|jpegxr|jxl.*|jxrglue|lcms2|lzma|openjp2|png16|sharpyuv|webp.*|zstd)-.*' -delete

FROM packages AS packages-train
COPY locks/train.txt locks/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --requirement locks/train.txt

# Of its own, because Beam needs an older Pillow.
FROM ${BASE} AS packages-bulk
RUN python -m venv --without-pip /opt/venv
WORKDIR /build
COPY locks/bulk.txt locks/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --requirement locks/bulk.txt


# --- Code and model, readable for all, whatever the umask of the checkout -----------------------------------

FROM ${BASE} AS code
WORKDIR /code
COPY uwsgi.ini ./
COPY app app
COPY front front
COPY model model
# What a Vertex AI custom job runs in the training image: docs/train-on-vertex.md.
COPY scripts/bucket_folder.py scripts/train_from_bucket.py /job/scripts/
# Compiled now, because the file system is read-only at run time.
RUN rm -rf model/bundles \
    && python -m compileall -q --invalidation-mode unchecked-hash app front model \
    && chmod -R a+rX . /job

FROM ${BASE} AS bundle
ARG BUNDLES
ARG MODEL
COPY ${BUNDLES}/${MODEL} /bundles/${MODEL}
# The gate of the included models, 1 MB.
COPY model/bundles/gate /bundles/gate
# The bundle must contain compiled stages, because this image has no other engine. (They are made and measured by
# `python -m model export`, which needs pictures.)
RUN [ -d "/bundles/${MODEL}/openvino" ] \
    || { echo "Model ${MODEL} has no compiled stages. Run: python -m model export ${MODEL}" >&2; exit 1; } \
    && chmod -R a+rX /bundles


# --- Common to both images ----------------------------------------------------------------------------------

FROM ${BASE} AS runtime
RUN groupadd --gid 10001 maskserve \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin maskserve
# Only /tmp is written to: metrics counters, and models from gs:// addresses.
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
COPY --from=code /job ./
# Runs record it, as there is no Git here.
ARG REVISION=
ENV GIT_COMMIT=${REVISION}
ENTRYPOINT ["python", "-m", "model"]


# --- The image that segments whole buckets, on Dataflow: it starts a run, and is that of the workers ---------------------

FROM ${BEAM} AS beam
FROM ${LAUNCHER} AS launcher

FROM ${BASE} AS bulk
COPY --from=packages-bulk /opt/venv /opt/venv
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
WORKDIR /srv/maskserve
COPY --from=bundle /bundles model/bundles
COPY --from=code /code/model model
COPY pipelines pipelines
RUN chmod -R a+rX pipelines
# Without RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT, Beam's boot would start the worker in a new environment, which sees the
# packages of /usr/local, but not those of /opt/venv.
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/srv/maskserve/pipelines/segment_images.py \
    MASKSERVE_MODEL_DIR=/tmp/models \
    PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv/maskserve \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    VIRTUAL_ENV=/opt/venv
# As root, unlike the others: Dataflow mounts folders that belong to root, and the worker writes to them. Dataflow starts
# the launcher instead when it starts a run.
ENTRYPOINT ["/opt/apache/beam/boot"]


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
# Checks readiness, not only liveness: a healthy container can take requests.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-I", "app/probe.py"]
# Finishes running and queued requests, then exits with 0 (uwsgi.ini).
STOPSIGNAL SIGTERM
ENTRYPOINT ["uwsgi", "uwsgi.ini"]
