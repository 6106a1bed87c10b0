"""The ontology arranged for looking classes up, and what to say of those that are not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from labelbox_airflow.engine.annotations.model import Feature
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.ontology.tree import (
    CHECKLISTS,
    RADIOS,
    TEXTS,
    Classification,
    Ontology,
    Option,
    Tool,
)

_SHOWN = 5
_WHOLE_ROW = "the data row"


@dataclass(slots=True)
class DrawnClass:
    """A tool with its nested questions."""

    name: str
    kind: str
    schema_id: str | None
    tool: Tool
    nested: Questions


@dataclass(slots=True)
class Question:
    """A classification. `form` is what an answer looks like: ``radio``, ``checklist`` or ``text``."""

    name: str
    kind: str
    schema_id: str | None
    form: str
    scope: str
    required: bool
    characters: tuple[int | None, int | None]
    options: Names[Answerable]


@dataclass(slots=True)
class Answerable:
    """An option with its nested questions."""

    name: str
    schema_id: str | None
    nested: Questions


Named = TypeVar("Named", DrawnClass, Question, Answerable)


class Names(Generic[Named]):
    """The classes that can be named in one place.

    :param place: for messages: ``the data row``, ``'car'``
    :param word: what they are: ``class``, ``classification``, ``option``
    :param elsewhere: where the whole ontology has a name or schema id
    """

    def __init__(
        self, place: str, word: str, entries: Iterable[tuple[Named, tuple[str, ...]]], elsewhere: Elsewhere
    ) -> None:
        self.all: list[Named] = []
        self._place = place
        self._word = word
        self._by_name: dict[str, Named] = {}
        self._by_id: dict[str, Named] = {}
        self._elsewhere = elsewhere
        for entry, names in entries:
            self.all.append(entry)
            for name in names:
                self._by_name.setdefault(name, entry)
            if entry.schema_id is not None:
                self._by_id[entry.schema_id] = entry

    def get(self, feature: Feature) -> Named | None:
        """Return the class by schema id, or else by name; None when it is not here."""
        if feature.schema_id is not None:
            return self._by_id.get(feature.schema_id)
        return self._by_name.get(feature.name) if feature.name is not None else None

    def find(self, feature: Feature) -> Named:
        """Return the class by schema id, or else by name.

        :raises AnnotationError: ``unknown_class`` or ``unknown_option``, with the nearest name; ``wrong_nesting``;
            ``two_classes`` when name and schema id are of different ones
        """
        found = self.get(feature)
        if found is None:
            raise self._missing(feature)
        name, schema_id = feature.name, feature.schema_id
        if schema_id is not None and name is not None and self._by_name.get(name) is not found:
            reason = f"and schema id {schema_id} are two different ones; that id is of '{found.name}'"
            raise AnnotationError("two_classes", "name", name, reason)
        return found

    def _missing(self, feature: Feature) -> AnnotationError:
        field, key = ("name", feature.name) if feature.schema_id is None else ("schemaId", feature.schema_id)
        if key is None:
            return AnnotationError("no_class", "name", None, "is missing; give the class by name or by schemaId")
        if self._word == "option":
            return AnnotationError(
                "unknown_option", field, key, f"is no option of {self._place}. {self._hint(feature)}"
            )
        places = self._elsewhere.get(key, [])
        if places:
            here = "" if self._place == _WHOLE_ROW else f", not of {self._place}"
            reason = f"is a classification of {' and of '.join(places[:_SHOWN])}{here}; give it there"
            return AnnotationError("wrong_nesting", field, key, reason)
        where = "the ontology" if self._place == _WHOLE_ROW else self._place
        return AnnotationError("unknown_class", field, key, f"is no {self._word} of {where}. {self._hint(feature)}")

    def _hint(self, feature: Feature) -> str:
        if feature.schema_id is not None:
            return "Is it of another ontology, or archived?"
        return nearest(str(feature.name), [entry.name for entry in self.all])


Elsewhere = dict[str, list[str]]


@dataclass(slots=True)
class Questions:
    """Nested or top-level classifications, and those of them that must be answered."""

    names: Names[Question]
    required: tuple[Question, ...]


class Classes:
    """All classes of an ontology: `tools`, and the `questions` about the whole row."""

    def __init__(self, ontology: Ontology) -> None:
        self._elsewhere: Elsewhere = {}
        drawn = [(self._drawn(tool), (tool.name,)) for tool in ontology.tools]
        self.tools: Names[DrawnClass] = Names(_WHOLE_ROW, "class", drawn, self._elsewhere)
        self.questions = self._questions(ontology.classifications, _WHOLE_ROW)

    def _drawn(self, tool: Tool) -> DrawnClass:
        nested = self._questions(tool.classifications, f"'{tool.name}'")
        return DrawnClass(tool.name, tool.kind, tool.schema_id, tool, nested)

    def _questions(self, classifications: tuple[Classification, ...], place: str) -> Questions:
        for each in classifications:
            for key in (each.name, each.schema_id):
                if key is not None:
                    self._elsewhere.setdefault(key, []).append(place)
        made = [self._question(each) for each in classifications if each.kind in _FORMS]
        word = "class" if place == _WHOLE_ROW else "classification"
        names: Names[Question] = Names(place, word, [(each, (each.name,)) for each in made], self._elsewhere)
        return Questions(names, tuple(each for each in made if each.required))

    def _question(self, given: Classification) -> Question:
        place = f"'{given.name}'"
        options: Iterator[tuple[Answerable, tuple[str, ...]]] = (
            (self._answerable(option), (option.name, option.label)) for option in given.options
        )
        return Question(
            name=given.name,
            kind=given.kind,
            schema_id=given.schema_id,
            form=_FORMS[given.kind],
            scope=given.scope,
            required=given.required,
            characters=given.characters,
            options=Names(place, "option", options, self._elsewhere),
        )

    def _answerable(self, option: Option) -> Answerable:
        nested = self._questions(option.classifications, f"option '{option.name}'")
        return Answerable(option.name, option.schema_id, nested)


_FORMS = {
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(RADIOS, "radio"),
    **dict.fromkeys(CHECKLISTS, "checklist"),
}


def nearest(wrong: str, known: list[str]) -> str:
    """Return a hint with the name most like a wrong one, whatever the case of letters, and a few of the known ones."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.6)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    listed = f"Known: {', '.join(known[:_SHOWN])}{more}." if known else "There are none."
    return f"Did you mean '{folded[near[0]]}'? {listed}" if near else listed
