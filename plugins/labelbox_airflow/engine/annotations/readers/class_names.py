"""Names of classes in files, and the classes of the ontology that they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from labelbox_airflow.engine.annotations.model import Feature
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.errors import did_you_mean

Unmapped = Literal["reject", "keep"]


class ClassNames:
    """Turns names into features, one for each name.

    :param classes: names and the classes they become; None: classes are called as in the file
    :param unmapped: what happens to names that are not in ``classes``
    """

    def __init__(self, classes: Mapping[str, str] | None, unmapped: Unmapped) -> None:
        self._classes, self._unmapped = classes, unmapped
        self._features: dict[str, Feature] = {}

    def feature(self, name: str, field: str) -> Feature:
        """Return the feature of a name.

        :param field: where the name is, for messages
        :raises AnnotationError: it is not in ``classes``
        """
        found = self._features.get(name)
        if found is None:
            if self._classes is not None and self._unmapped == "reject" and name not in self._classes:
                reason = f"is a name that is not in classes. {did_you_mean(name, self._classes)}"
                raise AnnotationError("unmapped_class", field, name, reason)
            found = self._features[name] = Feature((self._classes or {}).get(name, name))
        return found
