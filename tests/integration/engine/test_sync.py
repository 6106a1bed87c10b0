"""What a user sees of the engine: load, load again, edit, load once more."""

from __future__ import annotations

from typing import Any

import labelbox
import pytest

from labelbox_airflow.engine.api.datasets import create_dataset
