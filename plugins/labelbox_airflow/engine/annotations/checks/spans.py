"""What lies along one line: frames of a video, milliseconds of an audio, characters of a text, pages."""

from __future__ import annotations

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.kinds import TIMED
from labelbox_airflow.engine.annotations.model import DocumentEntity, Page, Span, TextEntity
from labelbox_airflow.engine.annotations.problems import AnnotationError


def check_position(position: int, field: str, media_type: str, asset: Asset | None) -> None:
    """Check a frame (from 1) or a time in milliseconds (from 0).

    :raises AnnotationError: ``bad_frame`` or ``bad_time``
    """
    if media_type == "AUDIO":
        code, least, most, word = "bad_time", 0, asset.milliseconds if asset is not None else None, "milliseconds"
    else:
        code, least, most, word = "bad_frame", 1, asset.frames if asset is not None else None, "frames"
    if position < least:
        raise AnnotationError(code, field, position, f"must be at least {least}: {word} count from {least}")
    if most is not None and position > most:
        raise AnnotationError(code, field, position, f"is after the end: the asset has {most} {word}")


def check_spans(spans: tuple[Span, ...], media_type: str, asset: Asset | None) -> None:
    """Check when an answer holds.

    :raises AnnotationError: ``wrong_media``, ``bad_span``, ``bad_frame``, ``bad_time``
    """
    if media_type not in TIMED:
        reason = f"cannot be given in a project of media type {media_type}"
        raise AnnotationError("wrong_media", "frames", [span._asdict() for span in spans], reason)
    before: Span | None = None
    for index, span in enumerate(spans):
        field = f"frames[{index}]"
        if span.end < span.start:
            raise AnnotationError("bad_span", field, span._asdict(), "ends before it starts")
        if before is not None and span.start <= before.end:
            reason = f"starts before the one before it has ended, at {before.end}; give them in order, and apart"
            raise AnnotationError("bad_span", field, span._asdict(), reason)
        check_position(span.start, f"{field}.start", media_type, asset)
        check_position(span.end, f"{field}.end", media_type, asset)
        before = span


def check_entity(entity: TextEntity, *, in_message: bool, asset: Asset | None) -> None:
    """Check the characters of an entity; how long a message is nobody knows.

    :raises AnnotationError: ``bad_entity``
    """
    shown = {"start": entity.start, "end": entity.end}
    if entity.start < 0:
        raise AnnotationError("bad_entity", "location.start", entity.start, "must be at least 0")
    if entity.end < entity.start:
        reason = "ends before it starts; end is the last character, not the one after it"
        raise AnnotationError("bad_entity", "location", shown, reason)
    characters = asset.characters if asset is not None and not in_message else None
    if characters is not None and entity.end >= characters:
        reason = f"is after the text, which has {characters} characters; the last is number {characters - 1}"
        raise AnnotationError("bad_entity", "location.end", entity.end, reason)


def check_tokens(entity: DocumentEntity, asset: Asset | None) -> None:
    """Check an entity of a document.

    :raises AnnotationError: ``bad_entity``, ``bad_page``
    """
    if not entity.groups:
        raise AnnotationError("bad_entity", "textSelections", None, "must have at least one group of tokens")
    for index, group in enumerate(entity.groups):
        field = f"textSelections[{index}]"
        if not group.group_id:
            raise AnnotationError("bad_entity", f"{field}.groupId", group.group_id, "must not be empty")
        if not group.token_ids or not all(group.token_ids):
            raise AnnotationError("bad_entity", f"{field}.tokenIds", group.token_ids, "must be ids of tokens")
        check_page(group.page, f"{field}.page", asset)


def check_page(number: int, field: str, asset: Asset | None) -> None:
    """Check the number of a page. Samples of Labelbox count from 0 and from 1, so both ends are let through.

    :raises AnnotationError: ``bad_page``
    """
    pages = asset.pages if asset is not None else None
    if number < 0 or (pages is not None and number > pages):
        known = f"; the document has {pages} pages" if pages is not None else ""
        raise AnnotationError("bad_page", field, number, f"is no page of it{known}")


def check_unit(page: Page) -> None:
    """:raises AnnotationError: ``bad_unit``"""
    if page.unit not in _UNITS:
        raise AnnotationError("bad_unit", "unit", page.unit, f"must be one of {', '.join(_UNITS)}")


_UNITS = ("POINTS", "PIXELS", "INCHES", "PERCENT")
