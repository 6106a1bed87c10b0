"""What is known of the data row that annotations are of."""

from __future__ import annotations

from labelbox_airflow.engine.annotations.model import value


@value
class Asset:
    """The asset of a data row; None is what nobody knows, and is not checked. Share one among the row's annotations.

    :param media_type: as on Labelbox's wire: ``IMAGE``, ``TMS_GEO``, …
    :param width: in pixels, as `height`; of an image or a video
    :param characters: length of a text
    :param frames: of a video
    :param milliseconds: how long an audio is
    :param pages: of a document
    """

    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    characters: int | None = None
    frames: int | None = None
    milliseconds: int | None = None
    pages: int | None = None
