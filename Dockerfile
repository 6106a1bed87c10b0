# This deployment as an image: Airflow, the locked requirements, the provider, the DAGs and the sync files.
FROM apache/airflow:3.3.2-python3.11

COPY --chown=airflow:root requirements.txt pyproject.toml README.md /opt/labelbox/
RUN pip install --no-cache-dir --requirement /opt/labelbox/requirements.txt

COPY --chown=airflow:root plugins /opt/labelbox/plugins
RUN pip install --no-cache-dir --no-deps --no-build-isolation /opt/labelbox

COPY --chown=airflow:root dags /opt/airflow/dags
COPY --chown=airflow:root include/syncs /opt/airflow/include/syncs
