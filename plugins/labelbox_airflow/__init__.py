"""Labelbox for Airflow: hook, operators and sync files that keep storage and Labelbox in step."""

from __future__ import annotations

# Every Airflow process imports this module to discover the provider, so it imports nothing.

_INTEGRATION = "Labelbox"


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
        "triggers": [{"integration-name": _INTEGRATION, "python-modules": ["labelbox_airflow.triggers.tasks"]}],
        "connection-types": [_connection_type()],
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
