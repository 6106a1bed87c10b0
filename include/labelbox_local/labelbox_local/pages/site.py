"""The routes of the pages, and what all of them share: templates, headers, and who may look."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labelbox_local.errors import NotFoundError
from labelbox_local.pages import assets, catalog, data_row, overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelbox_local.platform import Platform

_HERE = Path(__file__).parent
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}
_ENTRY = {"www-authenticate": 'Basic realm="the API key is the password", charset="UTF-8"'}


def add_pages(app: FastAPI, platform: Platform) -> None:
    """Add `/`, which leads to `/pages`, and the pages below it."""
    site = _Site(platform)
    _add_files(app, platform, site)  # before the page of what is not there, which takes every address

    @app.get("/")
    def root() -> Response:
        return RedirectResponse("/pages")

    @app.get("/pages")
    def start(request: Request) -> Response:
        return site.page(request, "overview.html", lambda: overview.read(platform))

    @app.get("/pages/rows")
    def rows(request: Request) -> Response:
        return site.page(request, "catalog.html", lambda: catalog.read(platform, dict(request.query_params)))

    @app.get("/pages/rows/{row:path}")
    def row(row: str, request: Request) -> Response:
        return site.page(request, "data_row.html", lambda: data_row.read(platform, row))

    @app.get("/pages/{path:path}")
    def other(path: str, request: Request) -> Response:
        def missing() -> dict[str, Any]:
            raise NotFoundError(f"There is no page /pages/{path}")

        return site.page(request, "overview.html", missing)


def _add_files(app: FastAPI, platform: Platform, site: _Site) -> None:
    """What pages refer to."""

    @app.get("/pages/assets/{row}")
    def asset(row: str, request: Request) -> Response:
        return site.picture(request, lambda: assets.picture_of(platform, row))

    @app.get("/pages/masks/{owner}")
    def masks(owner: str, request: Request) -> Response:
        return site.picture(request, lambda: assets.masks_of(platform, owner))

    @app.get("/pages/style.css")
    def style() -> Response:
        return Response((_HERE / "style.css").read_bytes(), media_type="text/css", headers=_HEADERS)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)  # browsers ask for one


class _Site:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters |= {"moment": _moment, "thousands": lambda number: f"{number:,}"}

    def page(self, request: Request, template: str, read: Callable[[], dict[str, Any]]) -> Response:
        """A page made of what `read` returns; 404 with the reason where it finds nothing."""
        if not self._may_look(request):
            return Response("The API key is asked for.", 401, _ENTRY, "text/plain")
        try:
            return self._render(template, read())
        except NotFoundError as error:
            return self._render("missing.html", {"message": str(error)}, 404)

    def picture(self, request: Request, read: Callable[[], tuple[bytes, str]]) -> Response:
        """A picture with its type; nothing that could act in the browser."""
        if not self._may_look(request):
            return Response("The API key is asked for.", 401, _ENTRY, "text/plain")
        try:
            content, content_type = read()
        except NotFoundError as error:
            return Response(str(error), 404, _HEADERS, "text/plain")
        return Response(content, 200, {**_HEADERS, "content-security-policy": "sandbox"}, content_type)

    def _render(self, template: str, values: dict[str, Any], status: int = 200) -> Response:
        nonce = secrets.token_urlsafe(16)
        content = self._templates.get_template(template).render(nonce=nonce, **values)
        policy = (
            f"default-src 'none'; img-src 'self'; style-src 'self' 'nonce-{nonce}'; form-action 'self';"
            " base-uri 'none'; frame-ancestors 'none'"
        )
        return Response(content, status, {**_HEADERS, "content-security-policy": policy}, "text/html")

    def _may_look(self, request: Request) -> bool:
        """Anybody may unless the server was started with a key, which is then the password."""
        key = self._platform.api_key
        if key is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            password = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
        return hmac.compare_digest(password, key.encode())


def _moment(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
