"""Answers of the former connectors: paths such as ``answer///nested question///nested answer``.

A path does not say whether a nested question is a radio, a checklist or a text, so nested ones need the ontology.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from labelbox_airflow.engine.annotations import model
from labelbox_airflow.engine.annotations.model import Checklist, Choice, Feature, FreeText, Radio
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.engine.ontology.tree import CHECKLISTS, RADIOS, Classification, Option

Questions = Sequence[Classification] | None
"""The questions that may be nested somewhere; None: there is no ontology to tell."""


class PathReader:
    """Reads paths with one divider, for messages about one column."""

    def __init__(self, divider: str, field: str) -> None:
        self._divider = divider
        self._field = field

    def nested(self, paths: Iterable[str], questions: Questions, under: str) -> tuple[model.Classification, ...]:
        """Return the nested answers of paths that begin with the name of a question.

        :param under: the class or option they are nested under, for messages
        :raises AnnotationError: a question that is not there, or answers that do not fit it
        """
        given = list(paths)
        if not given:
            return ()
        if questions is None:
            reason = f"has answers nested under '{under}', whose kinds only an ontology tells"
            raise AnnotationError("no_ontology", self._field, given[0], reason)
        names = {question.name: question for question in questions}
        found: list[model.Classification] = []
        for name, rests in self._by_first(given, names).items():
            question = names.get(name)
            if question is None:
                reason = f"has '{name}', which is no question of '{under}'. {did_you_mean(name, names)}"
                raise AnnotationError("unknown_class", self._field, given[0], reason)
            found.append(model.Classification(Feature(name), self.answer(question.kind, rests, question, name)))
        return tuple(found)

    def answer(self, kind: str, paths: Sequence[str], question: Classification | None, name: str) -> model.Answer:
        """Return the answer that paths give to a question.

        :param question: it in the ontology, for what may be nested in its options; None when it is not known
        :raises AnnotationError: no answer, or several to a question that takes one
        """
        if not any(paths):
            raise AnnotationError("no_answer", self._field, list(paths), f"has no answer to '{name}'")
        if kind not in RADIOS and kind not in CHECKLISTS:
            self._one(paths, name)
            return FreeText(paths[0])
        options = {each.name: each for each in question.options} if question is not None else {}
        chosen = self._by_first(paths, options)
        choices = [self._choice(each, rests, options, question) for each, rests in chosen.items()]
        if kind in CHECKLISTS:
            return Checklist(tuple(choices))
        self._one(list(chosen), name)
        return Radio(choices[0])

    def _choice(
        self, name: str, rests: Sequence[str], options: dict[str, Option], question: Classification | None
    ) -> Choice:
        option = options.get(name)
        questions: Questions = option.classifications if option is not None else () if question is not None else None
        return Choice(Feature(name), self.nested([rest for rest in rests if rest], questions, name))

    def _one(self, given: Sequence[str], name: str) -> None:
        if len(given) > 1:
            reason = f"has {len(given)} answers to '{name}', which takes one"
            raise AnnotationError("several_answers", self._field, list(given), reason)

    def _by_first(self, paths: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
        """Return what follows the first name of each path, by that name.

        The longest known name wins, as names may hold the divider, or begin alike (car, cargo).
        """
        longest_first = sorted(known, key=len, reverse=True)
        found: dict[str, list[str]] = {}
        for path in paths:
            begins = (name for name in longest_first if path == name or path.startswith(name + self._divider))
            first = next(begins, None) or path.partition(self._divider)[0]
            found.setdefault(first, []).append(path[len(first) + len(self._divider) :])
        return found


def is_paths(value: Any) -> bool:
    """Tell whether a value is a list of paths, which may be empty."""
    return type(value) in {list, tuple} and all(type(each) is str for each in value)
