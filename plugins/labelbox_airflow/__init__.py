"""Labelbox for Airflow: hook, operators and sync files that keep storage and Labelbox in step."""

from __future__ import annotations

# Every Airflow process imports this module to discover the provider, so it imports nothing.

_INTEGRATION = "Labelbox"
_OPERATORS = [
    "labelbox_airflow.operators.data_rows",
    "labelbox_airflow.operators.datasets",
    "labelbox_airflow.operators.report",
]
_TRIGGERS = ["labelbox_airflow.triggers.objects", "labelbox_airflow.triggers.tasks"]


def get_provider_info() -> dict[str, object]:
    """Return what Airflow shows and resolves of this provider: its connection type, form fields and modules."""
    return {
        "package-name": "airflow-provider-labelbox",
        "name": "Labelbox",
        "description": "Keeps cloud storage and warehouses in step with `Labelbox <https://labelbox.com/>`__.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.labelbox.com/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": ["labelbox_airflow.hooks.labelbox"]}],
        "operators": [{"integration-name": _INTEGRATION, "python-modules": _OPERATORS}],
        "sensors": [{"integration-name": _INTEGRATION, "python-modules": ["labelbox_airflow.sensors.objects"]}],
        "triggers": [{"integration-name": _INTEGRATION, "python-modules": _TRIGGERS}],
        "notifications": ["labelbox_airflow.notifications.runs.LabelboxRunNotifier"],
        "connection-types": [_connection_type()],
        "config": _configuration(),
        "plugins": [{"name": "labelbox", "plugin-class": "labelbox_airflow.plugin.LabelboxPlugin"}],
    }


def _connection_type() -> dict[str, object]:
    return {
        "connection-type": "labelbox",
        "hook-name": "Labelbox",
        "hook-class-name": "labelbox_airflow.hooks.labelbox.LabelboxHook",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port"],
            "relabeling": {"password": "API key", "host": "GraphQL endpoint"},
            "placeholders": {
                "password": "An API key of your Labelbox workspace",
                "host": "https://api.labelbox.com/graphql",
            },
        },
        "conn-fields": {
            "rest_endpoint": {
                "label": "REST endpoint",
                "description": "Empty: /api/v1 on the host of the GraphQL endpoint.",
                "schema": {"type": ["string", "null"]},
            },
            "timeout": {
                "label": "Timeout (seconds)",
                "description": "How long one request may take.",
                "schema": {"type": ["number", "null"], "default": 60, "minimum": 1},
            },
            "patience": {
                "label": "Patience (seconds)",
                "description": "How long a request is repeated while Labelbox is away or limits the rate.",
                "schema": {"type": ["number", "null"], "default": 120, "minimum": 0},
            },
        },
    }


def _configuration() -> dict[str, object]:
    """The section of airflow.cfg, also set by ``AIRFLOW__LABELBOX__LEDGER`` and so on."""
    options = {
        "ledger": "SQLAlchemy URL of the ledger without a password, such as sqlite:////opt/airflow/ledger.db.",
        "ledger_conn_id": "Airflow connection of the ledger database; used when ledger is not set.",
        "staging": "Where runs keep their mapped rows: s3://connection@bucket/prefix, file:///path.",
        "keep_days": "Days that staging files, outcomes and dead letters of finished runs are kept.",
        "shared_filesystem": "Set to True when all workers share the disk that ledger or staging is on.",
    }
    defaults = {"ledger_conn_id": "labelbox_ledger", "shared_filesystem": "False", "keep_days": "30"}
    types = {"shared_filesystem": "boolean", "keep_days": "integer"}
    return {
        "labelbox": {
            "description": "Where Labelbox syncs keep their state.",
            "options": {
                name: {
                    "description": description,
                    "version_added": "0.1.0",
                    "type": types.get(name, "string"),
                    "example": None,
                    "default": defaults.get(name),
                }
                for name, description in options.items()
            },
        }
    }
