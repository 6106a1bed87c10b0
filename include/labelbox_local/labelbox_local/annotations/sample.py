"""Annotations at random, as a labeler might make them: lines of an import for one data row."""

from __future__ import annotations

import random
import uuid
from typing import Any

from labelbox_local.annotations.features import Choices, Classification, Features, Tool

_WORDS = ("clear", "blurred", "night", "rain", "crowded", "empty", "left", "right", "near", "far", "moving", "parked")
_FRAMES = 30
_MILLISECONDS = 10_000
_CHARACTERS = 40
_IMAGE_TOOLS = ("rectangle", "polygon", "line", "point", "raster-segmentation", "superpixel")
# The tools of each media type that make sense without knowing what is in the row.
_TOOLS = {
    "IMAGE": _IMAGE_TOOLS,
    "TMS_GEO": _IMAGE_TOOLS[:4],
    "TMS_SIMPLE": _IMAGE_TOOLS[:4],
    "PDF": ("rectangle",),
    "VIDEO": ("rectangle", "point", "line"),
    "TEXT": ("named-entity",),
}


class Sampler:
    """Draws annotations from an ontology. The same `seed` and name of a row always give the same ones."""

    def __init__(self, features: Features, media_type: str, seed: int, objects: int = 3) -> None:
        """`objects` is the most of each tool in a row."""
        self.features = features
        self.media_type = media_type
        self.seed = seed
        self.objects = objects

    def lines(
        self, row_id: str, size: tuple[float, float], text: str | None = None, name: str | None = None
    ) -> list[dict[str, Any]]:
        """Lines for the row: every required classification is answered, others mostly.

        :param size: width and height of what is labeled
        :param text: of a text row, so that entities are inside it
        :param name: what the draw depends on besides the seed: the global key, say, which unlike the row's id is the
            same on every server; the id by default
        """
        draw = _Draw(self, random.Random(f"{self.seed}/{name or row_id}"), size, text)  # noqa: S311 - not for secrets
        made = draw.objects() + draw.classifications()
        return [{"uuid": draw.uuid(), "dataRow": {"id": row_id}, **line} for line in made]


class _Draw:
    """The draws for one row."""

    def __init__(self, sampler: Sampler, rng: random.Random, size: tuple[float, float], text: str | None) -> None:
        self.sampler = sampler
        self.rng = rng
        self.width, self.height = size
        self.length = len(text) if text else _CHARACTERS

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def objects(self) -> list[dict[str, Any]]:
        known = _TOOLS.get(self.sampler.media_type, ())
        found = []
        for tool in self.sampler.features.tools:
            if tool.type in known:
                least = 1 if tool.required else 0
                found += [self._object(tool) for _ in range(self.rng.randint(least, self.sampler.objects))]
        return found

    def _object(self, tool: Tool) -> dict[str, Any]:
        line: dict[str, Any] = {"schemaId": tool.id, "classifications": self._nested(tool.classifications)}
        if tool.type == "named-entity":
            start = self.rng.randrange(self.length)
            return line | {"location": {"start": start, "end": self.rng.randrange(start, self.length)}}
        key, shape = self._shape(tool.type)
        if self.sampler.media_type == "VIDEO":
            first = self.rng.randint(1, _FRAMES // 2)
            last = self.rng.randint(first + 1, _FRAMES)
            keyframes = [{"frame": first, key: shape}, {"frame": last, key: self._shape(tool.type)[1]}]
            return line | {"segments": [{"keyframes": keyframes}]}
        if self.sampler.media_type == "PDF":
            line |= {"page": 1, "unit": "POINTS"}
        return line | {key: shape}

    def _shape(self, tool_type: str) -> tuple[str, Any]:
        if tool_type == "rectangle":
            left, top = self._x(0.8), self._y(0.8)
            width, height = self.rng.uniform(0.05, 0.2) * self.width, self.rng.uniform(0.05, 0.2) * self.height
            return "bbox", {"left": left, "top": top, "width": round(width, 3), "height": round(height, 3)}
        if tool_type == "point":
            return "point", {"x": self._x(), "y": self._y()}
        if tool_type in {"polygon", "line"}:
            count = self.rng.randint(3, 6)
            return tool_type, [{"x": self._x(), "y": self._y()} for _ in range(count)]
        return "mask", self._runs()

    def _runs(self) -> dict[str, Any]:
        """A rectangle as runs down the columns."""
        width, height = max(int(self.width), 4), max(int(self.height), 4)
        left, top = self.rng.randrange(width // 2), self.rng.randrange(height // 2)
        wide, high = self.rng.randint(1, width // 2), self.rng.randint(1, height // 2)
        counts = [left * height + top, high]
        for _ in range(wide - 1):
            counts += [height - high, high]
        return {"size": [height, width], "counts": counts}

    def _x(self, most: float = 1.0) -> float:
        return round(self.rng.uniform(0, most) * self.width, 3)

    def _y(self, most: float = 1.0) -> float:
        return round(self.rng.uniform(0, most) * self.height, 3)

    def classifications(self) -> list[dict[str, Any]]:
        found = []
        for classification in self.sampler.features.classifications:
            if classification.required or self.rng.random() < 0.8:
                line = {"schemaId": classification.id, "answer": self._answer(classification)}
                if classification.scope == "index":
                    frames = self._span()
                    if frames is None:
                        continue
                    if classification.type == "text":
                        line["answer"] = [{"value": line["answer"], "frames": [frames]}]
                    else:
                        line["frames"] = [frames]
                found.append(line)
        return found

    def _span(self) -> dict[str, int] | None:
        """When an answer holds; messages of a conversation are not known here."""
        if self.sampler.media_type not in {"VIDEO", "AUDIO"}:
            return None
        most = _FRAMES if self.sampler.media_type == "VIDEO" else _MILLISECONDS
        start = self.rng.randint(1, most)
        return {"start": start, "end": self.rng.randint(start, most)}

    def _nested(self, choices: Choices[Classification]) -> list[dict[str, Any]]:
        return [
            {"schemaId": each.id, "answer": self._answer(each)}
            for each in choices
            if each.required or self.rng.random() < 0.8
        ]

    def _answer(self, classification: Classification) -> Any:
        if classification.type == "text":
            least, most = classification.characters
            words = " ".join(self.rng.choices(_WORDS, k=3))
            return words.ljust(least, ".")[:most]
        options = list(classification.options)
        count = 1 if classification.type == "radio" else self.rng.randint(1, len(options))
        answers = [
            {"schemaId": option.id, "classifications": self._nested(option.classifications)}
            for option in self.rng.sample(options, count)
        ]
        return answers[0] if classification.type == "radio" else answers
