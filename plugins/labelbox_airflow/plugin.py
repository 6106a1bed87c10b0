"""The plugin Airflow loads by entry point; every Airflow process imports it, so it stays cheap."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class LabelboxPlugin(AirflowPlugin):  # type: ignore[misc]
    """What Labelbox adds to Airflow besides the connection type."""

    name = "labelbox"
