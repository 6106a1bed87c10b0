"""Sidecars: files beside objects that say more about them, and where they are."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from glob import escape
from typing import Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.rows.spec import Spec

SIDECAR_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
TEXT_COLUMN = "text"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class SidecarSpec(Spec):
    """A file beside each object: a JSON object, whose keys become columns, or a text, which becomes one."""

    name: str = Field(
        "sidecar", pattern=SIDECAR_NAME, description="Its columns are called so, a dot and the key: `sidecar.taken_at`."
    )
    path: str = Field(
        min_length=1,
        description="From the object's folder, with its `{name}` or `{stem}`: `{stem}.json`, `../meta/{name}.json`.",
    )
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto` goes by the suffix, .json or .txt.")
    missing: Literal["reject", "leave"] = Field(
        "reject", description="An object without a sidecar: reject it, or leave the sidecar's columns null."
    )

    @model_validator(mode="after")
    def _path_names_one_file_of_each_object(self) -> Self:
        placeholders = _PLACEHOLDER.findall(self.path)
        if unknown := set(placeholders) - {"name", "stem"}:
            raise ValueError(f"path '{self.path}': {{{min(unknown)}}} is neither {{name}} nor {{stem}}")
        if not placeholders:
            raise ValueError(f"path '{self.path}' needs {{stem}} or {{name}}: each object has a sidecar of its own")
        if {"", ".", ".."} & set(self._below) or "://" in self.path:
            raise ValueError(
                f"path '{self.path}' is to begin at the object's folder, such as {{stem}}.json or ../meta/{{stem}}.json"
            )
        if self.format == "auto" and not self.path.endswith((".json", ".txt")):
            raise ValueError(f"path '{self.path}': the suffix does not tell the format; say format: json or text")
        return self

    @property
    def kind(self) -> Literal["json", "text"]:
        """The format, ``auto`` resolved."""
        if self.format != "auto":
            return self.format
        return "json" if self.path.endswith(".json") else "text"

    def check_beside(self, uri: str) -> None:
        """Raise ValueError where sidecars cannot be beside the objects that ``uri`` matches."""
        if self.may_be(uri):
            raise ValueError(f"sidecar: every object that '{uri}' matches would be a sidecar; narrow uri or path")
        if "**" in self._folders(_segments(uri))[1]:
            raise ValueError(f"sidecar: '..' cannot lead up from the '**' in '{uri}'; write the folders out as *")

    def path_for(self, path: str) -> str | None:
        """Return where the sidecar of the object at ``path`` is; None where that would be above the bucket."""
        segments = path.split("/")
        kept, climbed = self._folders(segments)
        if not kept or len(climbed) < self._climbs:
            return None
        name = segments[-1]
        values = {"name": name, "stem": stem_of(name)}
        below = [_PLACEHOLDER.sub(lambda found: values[found[1]], part) for part in self._below]
        return "/".join([*kept, *below])

    def glob_for(self, uri: str) -> str:
        """Return a glob for the sidecars of the objects that ``uri`` matches."""
        return "/".join([*self._folders(_segments(uri))[0], *self._patterns])

    def may_be(self, path: str) -> bool:
        """Tell whether the file at ``path`` is called as sidecars are."""
        patterns = self._patterns
        parts = path.split("/")[-len(patterns) :]
        return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))

    @property
    def _climbs(self) -> int:
        """How many folders up the path begins."""
        segments = self.path.split("/")
        return next((index for index, segment in enumerate(segments) if segment != ".."), len(segments))

    @property
    def _below(self) -> list[str]:
        """The segments of the path below where it begins."""
        return self.path.split("/")[self._climbs :]

    @property
    def _patterns(self) -> list[str]:
        """The segments of :attr:`_below` as globs."""
        return ["*".join(map(escape, re.split(r"\{[^{}]*\}", part))) for part in self._below]

    def _folders(self, segments: list[str]) -> tuple[list[str], list[str]]:
        """Return the folders that lead to where the path begins, and those that it climbs out of."""
        folders = segments[:-1]
        end = max(0, len(folders) - self._climbs)
        return folders[:end], folders[end:]


def stem_of(name: str) -> str:
    """Return ``name`` without its last suffix; a name whose only dot is its first character has none."""
    stem, _, suffix = name.rpartition(".")
    return stem if stem and suffix else name


def _segments(uri: str) -> list[str]:
    """Return the segments of a glob, the last of them for the objects' names."""
    return [*uri.split("/"), *(["*"] if uri.endswith("**") else [])]
