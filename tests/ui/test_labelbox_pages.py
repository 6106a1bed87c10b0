"""The pages of the local Labelbox in Chromium: what is sent is seen, and the browser refuses nothing of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import labelbox as lb
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.integration.labelbox_local.conftest import Server, start_server
from tests.integration.labelbox_local.labeling import Labeling, make_image_labeling

RUNS = {"size": [240, 320], "counts": [240 * 100 + 50, *([100, 140] * 99), 100, 240 * 121 - 150]}


@pytest.fixture(scope="module")
def labeling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Labeling]]:
    """A server with a picture that has a box and a mask, and one with a pre-label."""
    directory = tmp_path_factory.mktemp("pages")
    content = io.BytesIO()
    Image.new("RGB", (320, 240), (210, 220, 235)).save(content, "PNG")
    (directory / "picture.png").write_bytes(content.getvalue())
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as assets:
        Thread(target=assets.serve_forever, daemon=True).start()
        server = start_server(Path(directory) / "data")
        try:
            yield server, make_rows(server.client(), f"http://127.0.0.1:{assets.server_port}/picture.png")
        finally:
            server.stop()
            assets.shutdown()


def make_rows(client: lb.Client, url: str) -> Labeling:
    made = make_image_labeling(client, rows=2)
    for key in made.keys[:2]:
        client.get_data_row_by_global_key(key).update(row_data=url)
    assert made.import_labels([made.box(), made.line(name="sky", mask=RUNS)]).errors == []
    assert made.import_prelabels([made.box(1)]).errors == []
    return made


@pytest.fixture
def shown(browser: Browser, labeling: tuple[Server, Labeling]) -> Iterator[tuple[Page, list[str]]]:
    """A page of the server, and what the browser complains of."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, base_url=labeling[0].base)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page, complaints
    context.close()


def test_from_the_overview_to_a_data_row(
    shown: tuple[Page, list[str]], labeling: tuple[Server, Labeling], picture: Callable[[Page, str], None]
) -> None:
    (page, complaints), (_, made) = shown, labeling
    page.goto("/")
    page.get_by_role("heading", name=made.project.name).get_by_role("link").click()
    expect(page.get_by_role("heading", name=made.project.name)).to_be_visible()
    expect(page.get_by_text("pre-label: 1")).to_be_visible()
    page.get_by_role("link", name=made.keys[0]).click()
    expect(page.get_by_role("heading", name=made.keys[0])).to_be_visible()
    box = page.locator("path.area.label")
    expect(box).to_be_visible()
    assert colour(box) == colour(page.locator(".legend i").first, "background-color")
    for each in page.locator("svg image").all():
        answer = page.request.get(str(each.get_attribute("href")))
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    # Where the mask lies over the picture, the picture is not seen as it is.
    assert pixel(page, 150, 100) != pixel(page, 300, 20)
    assert complaints == []


def test_it_fits_a_narrow_screen(shown: tuple[Page, list[str]], labeling: tuple[Server, Labeling]) -> None:
    (page, _), (_, made) = shown, labeling
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/pages", f"/pages/rows?project={made.project.uid}", f"/pages/rows/{made.keys[0]}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def colour(element: Any, name: str = "stroke") -> str:
    return str(element.evaluate(f"each => getComputedStyle(each).getPropertyValue('{name}')"))


def pixel(page: Page, x: int, y: int) -> tuple[int, ...]:
    """The colour at a place of the picture, as it is seen."""
    seen = Image.open(io.BytesIO(page.locator(".large svg").screenshot())).convert("RGB")
    scale = min(seen.width / 320, seen.height / 240)
    left, top = (seen.width - 320 * scale) / 2, (seen.height - 240 * scale) / 2
    return tuple(seen.getpixel((int(left + x * scale), int(top + y * scale))))  # type: ignore[arg-type]
