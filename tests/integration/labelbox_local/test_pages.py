"""The window to look through: what the pages show of what the SDK has put in."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import labelbox as lb
import pytest
from PIL import Image
from tests.integration.labelbox_local.labeling import Labeling, make_image_labeling, make_labeling, tool

SCRIPT = "<script>alert(1)</script>"
RUNS = {"size": [40, 60], "counts": [40 * 10 + 5, 20, 20, 20, 40 * 48 - 25]}


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(content, "PNG")
    return content.getvalue()


class Assets(BaseHTTPRequestHandler):
    """A picture, and a page that only says it is one."""

    def do_GET(self) -> None:
        content = b"<svg xmlns='http://www.w3.org/2000/svg'/>" if "active" in self.path else picture()
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def assets() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Assets) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def get(server: Any) -> Callable[..., httpx.Response]:
    return lambda path, **more: httpx.get(f"{server.base}{path}", **more)


@pytest.fixture(scope="module")
def labeling(client: Any, assets: str) -> Labeling:
    """A project whose first row is a picture with a box, a mask and answers, and a pre-label."""
    made = make_image_labeling(client, rows=2)
    row = client.get_data_row_by_global_key(made.keys[0])
    row.update(row_data=f"{assets}/picture.png")
    job = made.import_labels(
        [
            made.box(classifications=[{"name": "color", "answer": {"name": "red"}}]),
            made.line(name="sky", mask=RUNS),
            made.line(name="note", answer=SCRIPT),
            made.line(name="weather", answer={"name": "rain", "classifications": [
                {"name": "how", "answer": [{"name": "cold"}]}]}),
        ]
    )  # fmt: skip
    assert job.errors == []
    assert made.import_prelabels([made.box(1)]).errors == []
    return made


def test_the_first_page_leads_to_datasets_projects_batches_and_what_was_done(
    labeling: Labeling, get: Callable[..., httpx.Response]
) -> None:
    assert get("/").headers["location"] == "/pages"
    page = get("/pages").text
    for kind, found in (("dataset", labeling.dataset), ("project", labeling.project), ("batch", labeling.batch)):
        assert f'href="/pages/rows?{kind}={found.uid}">{found.name}<' in page
    progress = page.partition(f"project={labeling.project.uid}")[2].partition("</article>")[0]
    assert "<b>1</b> Initial labeling task" in progress
    assert "<b>1</b> Done" in progress
    assert "pre-labels" in page


def test_tiles_show_shapes_and_tell_labels_from_pre_labels(
    labeling: Labeling, get: Callable[..., httpx.Response], client: Any, server: Any
) -> None:
    page = get(f"/pages/rows?project={labeling.project.uid}").text
    drawn = re.findall(r'<path class="(\w+) class-\d+ ([\w-]+)" d="([^"]+)">', page)
    corners = "M10 20 L110 20 L110 220 L10 220Z"
    assert sorted(drawn) == [("area", "label", corners), ("area", "pre-label", corners)]
    assert "car · color: red</title>" in page
    assert labeling.keys[2] not in page  # of the dataset, but not in the project


def test_one_data_row_is_shown_with_all_that_is_known(
    labeling: Labeling, get: Callable[..., httpx.Response], client: Any
) -> None:
    row = client.get_data_row_by_global_key(labeling.keys[0])
    answer = get(f"/pages/rows/{labeling.keys[0]}")
    page = answer.text
    assert row.uid in page
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "weather : rain how : cold" in text
    assert "Initial labeling task → Done" in text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "http" not in " ".join(re.findall(r'(?:src|href)="([^"]*)"', page))


def test_pictures_and_masks_are_handed_on_and_nothing_else_is(
    labeling: Labeling, get: Callable[..., httpx.Response], client: Any, assets: str
) -> None:
    row = client.get_data_row_by_global_key(labeling.keys[0])
    answer = get(f"/pages/assets/{row.uid}")
    assert (answer.content, answer.headers["content-type"]) == (picture(), "image/png")
    page = get(f"/pages/rows/{row.uid}").text
    owner = re.search(r'href="/pages/masks/(\w+)"', page)
    assert owner is not None
    mask = Image.open(io.BytesIO(get(f"/pages/masks/{owner[1]}").content))
    assert mask.size == (60, 40)
    assert mask.getchannel("A").getbbox() == (10, 5, 12, 25)

    other = client.get_data_row_by_global_key(labeling.keys[1])
    assert get(f"/pages/assets/{other.uid}").status_code == 404  # its host is not allowed
    other.update(row_data=f"{assets}/active")
    assert get(f"/pages/assets/{other.uid}").status_code == 404  # what is no picture is not handed on


def test_entities_are_marked_in_texts(client: Any, get: Callable[..., httpx.Response]) -> None:
    made = make_labeling(client, lb.MediaType.Text, [tool("NER", "person")], [], 1, f"Ann {SCRIPT} lives in Berlin")
    assert made.import_labels([made.line(name="person", location={"start": 0, "end": 2})]).errors == []
    page = get(f"/pages/rows/{made.keys[0]}").text
    assert re.search(r'<mark class="class-0 label" title="person">Ann<small>person</small></mark>', page)
    assert SCRIPT not in page


def test_rows_are_paged_and_found_by_key(client: Any, get: Callable[..., httpx.Response]) -> None:
    prefix = uuid.uuid4().hex
    dataset = client.create_dataset(name=f"pages {prefix}", iam_integration=None)
    rows = [{"row_data": f"https://example.com/{n}.jpg", "global_key": f"{prefix}-{n:02}"} for n in range(30)]
    dataset.create_data_rows(rows).wait_till_done(timeout_seconds=60)
    for start in (f"dataset={dataset.uid}", f"key={prefix}", f"dataset={dataset.uid}&key={prefix}"):
        seen: list[str] = []
        following: str | None = start
        while following:
            page = get(f"/pages/rows?{following}").text
            seen += re.findall(r'<span class="key">([^<]+)</span>', page)
            later = re.search(r'href="/pages/rows\?([^"]+)" rel="next"', page)
            following = later[1].replace("&amp;", "&") if later else None
        assert sorted(seen) == [row["global_key"] for row in rows]
    assert "No data row here has such a key." in get(f"/pages/rows?key={prefix}-x").text
    dataset.delete()


@pytest.mark.parametrize(
    "path",
    ["rows/no-such-row", "rows?dataset=none", "rows?after=x", "nothing", f"rows/{SCRIPT}", "assets/none", "masks/x"],
)
def test_what_is_not_there_is_said(path: str, get: Callable[..., httpx.Response]) -> None:
    answer = get(f"/pages/{path}")
    assert answer.status_code == 404
    assert "There is no" in answer.text
    assert SCRIPT not in answer.text


def test_with_an_api_key_the_pages_ask_for_it(start: Callable[..., Any]) -> None:
    base = start("--api-key", "secret").base
    assert httpx.get(f"{base}/pages").status_code == 401
    assert httpx.get(f"{base}/pages/assets/x").status_code == 401
    assert httpx.get(f"{base}/pages", auth=("anybody", "wrong")).status_code == 401
    assert httpx.get(f"{base}/pages", headers={"authorization": "Basic !"}).status_code == 401
    assert httpx.get(f"{base}/pages", auth=("anybody", "secret")).status_code == 200
