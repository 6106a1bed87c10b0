"""Checks annotations before anything is sent: against the ontology, and what is known of the asset.

::

    checker = AnnotationChecker(ontology, media_type="IMAGE", to="prelabels")
    good, bad = checker.check_row(annotations, Asset(width=640, height=480), whole_row="keep_valid")

``checker`` puts the pieces together: ``rules`` works out once for each class what holds for its annotations, from
``kinds`` (which media takes what) and ``classes`` (the ontology); ``shapes``, ``masks``, ``answers``, ``spans``,
``moving`` and ``others`` check values; ``rows`` checks what belongs together.
"""

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.checker import AnnotationChecker

__all__ = ["AnnotationChecker", "Asset"]
