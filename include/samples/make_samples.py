"""Makes the sample data beside it: pictures of receipts, their thumbnails, and the tables that describe them.

`python include/samples/make_samples.py` writes the same files every time:

- `receipts/` mirrors the bucket: `images/`, `thumbnails/`, `tables/receipts.csv`, `tables/facts.parquet`;
- `receipts/predictions/` is what a model found in the pictures: `scores.csv` with how sure it is of each receipt, and
  `boxes.json`, COCO instances of those it is not sure of, of which one reaches beyond its picture;
- `edited/receipts.csv` is the table a day later: two rows changed, three new, three that cannot be taken.

The stores, goods and prices are made up.
"""

from __future__ import annotations

import csv
import json
import math
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
BUCKET = HERE / "receipts"
FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
FIRST_LOAD = 24
RECEIPTS = 28
WIDTH, PAPER_MARGIN, LINE_HEIGHT = 288, 14, 20
DIMENSIONS = 32
STORES = (
    ("Alder Market", "DE", "EUR"),
    ("Café Lumière", "FR", "EUR"),
    ("Linden & Sons", "NL", "EUR"),
    ("Bottega Verde", "IT", "EUR"),
    ("Kiosk Brzoza", "PL", "PLN"),
)
GOODS = (
    ("Rye bread", 3.2),
    ("Oat milk 1 l", 1.95),
    ("Apples 1 kg", 2.79),
    ("Espresso", 2.4),
    ("Croissant", 1.6),
    ("Gouda 300 g", 4.35),
    ("Tomatoes", 2.15),
    ("Olive oil", 8.9),
    ("Daily paper", 3.5),
    ("Tram ticket", 3.0),
    ("Batteries AA", 5.49),
    ("Tea, green", 4.1),
)
CATEGORIES = ("Receipt", "Store", "Total")
UNSURE = 0.6
COLUMNS = ("image_id", "image", "thumbnail", "country", "store", "total", "currency", "transcript", "updated_at")


@dataclass(frozen=True)
class Receipt:
    """One receipt: what is printed on it and when it was photographed."""

    number: int
    store: str
    country: str
    currency: str
    lines: tuple[tuple[str, float], ...]
    taken_at: datetime
    updated_at: datetime

    @property
    def image_id(self) -> str:
        """The receipt's name in every table, such as `0007`."""
        return f"{self.number:04d}"

    @property
    def total(self) -> float:
        """Sum of the lines."""
        return round(sum(price for _, price in self.lines), 2)

    @property
    def height(self) -> int:
        """Of its picture, in pixels."""
        return 190 + LINE_HEIGHT * len(self.lines)

    @property
    def score(self) -> float:
        """How sure the model is of what it found, from 0 to 1."""
        return round(Random(1000 + self.number).uniform(0.2, 1), 3)  # noqa: S311

    @property
    def transcript(self) -> str:
        """The printed text as one line."""
        goods = ", ".join(f"{name} {price:.2f}" for name, price in self.lines)
        return f'"{self.store}": {goods}; total {self.total:.2f} {self.currency}'

    def row(self) -> list[str]:
        """The receipt as a row of the table."""
        return [
            self.image_id,
            f"images/{self.image_id}.png",
            f"thumbnails/{self.image_id}.png",
            self.country,
            self.store,
            f"{self.total:.2f}",
            self.currency,
            self.transcript,
            self.updated_at.isoformat().replace("+00:00", "Z"),
        ]


def receipt(number: int) -> Receipt:
    """Make up receipt ``number``, the same every time."""
    random = Random(number)  # noqa: S311
    store, country, currency = STORES[number % len(STORES)]
    taken_at = FIRST_DAY - timedelta(days=3) + timedelta(minutes=137 * number)
    lines = tuple(random.sample(GOODS, random.randint(3, 7)))
    return Receipt(number, store, country, currency, lines, taken_at, FIRST_DAY + timedelta(minutes=30 * number))


def draw(receipt: Receipt) -> Image.Image:
    """Draw the receipt as a photographed strip of paper, in grey."""
    random = Random(receipt.number)  # noqa: S311
    height = receipt.height
    picture = Image.new("L", (WIDTH, height), 96)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((PAPER_MARGIN, PAPER_MARGIN, WIDTH - PAPER_MARGIN, height - PAPER_MARGIN), fill=246)
    left, right, y = 2 * PAPER_MARGIN, WIDTH - 2 * PAPER_MARGIN, 2 * PAPER_MARGIN
    large, small = ImageFont.load_default(20), ImageFont.load_default(13)
    pen.text((WIDTH / 2, y), printable(receipt.store), font=large, fill=20, anchor="mt")
    y += 32
    pen.text((WIDTH / 2, y), receipt.taken_at.strftime("%Y-%m-%d  %H:%M"), font=small, fill=60, anchor="mt")
    y += 26
    pen.line((left, y, right, y), fill=120)
    y += 8
    for name, price in receipt.lines:
        pen.text((left, y), name, font=small, fill=30)
        pen.text((right, y), f"{price:.2f}", font=small, fill=30, anchor="ra")
        y += LINE_HEIGHT
    pen.line((left, y + 4, right, y + 4), fill=120)
    pen.text((left, y + 12), "TOTAL", font=large, fill=10)
    pen.text((right, y + 12), f"{receipt.total:.2f} {receipt.currency}", font=large, fill=10, anchor="ra")
    for x in range(left, right, 3):
        pen.rectangle((x, y + 46, x + random.randint(0, 1), y + 68), fill=20)
    return picture.rotate(random.uniform(-2.5, 2.5), resample=Image.Resampling.BILINEAR, fillcolor=96)


def printable(text: str) -> str:
    """Return the text as the printer has it: without accents, as does the font."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def embedding(picture: Image.Image) -> list[float]:
    """Return the brightness of 4 x 8 fields of the picture as a vector of length one."""
    fields = picture.resize((4, 8), Image.Resampling.BOX)
    values = [float(value) - 128 for value in fields.tobytes()]
    norm = math.sqrt(sum(value * value for value in values))
    return [round(value / norm, 6) for value in values]


def facts(pictures: dict[Receipt, Image.Image]) -> pa.Table:
    """Return what is known of each picture besides its text."""
    return pa.table(
        {
            "image_id": [receipt.image_id for receipt in pictures],
            "taken_at": pa.array([receipt.taken_at for receipt in pictures], pa.timestamp("us", tz="UTC")),
            "vector": pa.array(
                [embedding(picture) for picture in pictures.values()], pa.list_(pa.float32(), DIMENSIONS)
            ),
        }
    )


def edited(receipts: list[Receipt]) -> list[list[str]]:
    """Return the rows of the table a day later."""
    now = FIRST_DAY + timedelta(days=1, hours=9)
    later = [replace(receipt, updated_at=now) for receipt in receipts]
    rows = [receipt.row() for receipt in receipts[:FIRST_LOAD]]
    total, country, store = COLUMNS.index("total"), COLUMNS.index("country"), COLUMNS.index("store")
    # Two corrections …
    rows[2] = later[2].row()
    rows[2][total] = f"{receipts[2].total + 10:.2f}"
    rows[6] = later[6].row()
    rows[6][country] = "BE"
    # … three new receipts …
    rows += [receipt.row() for receipt in later[FIRST_LOAD : FIRST_LOAD + 3]]
    # … a total that is no number, a row without its key, and a comma that makes one cell too many.
    no_number, no_key = later[FIRST_LOAD + 3].row(), later[FIRST_LOAD + 3].row()
    ragged = replace(receipt(RECEIPTS + 1), updated_at=now).row()
    no_number[total] = "twelve"
    no_key[0] = ""
    ragged[store : store + 1] = ["Linden", " Sons"]
    return [*rows, no_number, no_key, ragged]


def found(receipt: Receipt) -> dict[str, tuple[float, float, float, float]]:
    """Return the boxes of what is printed on a receipt: left, top, width and height by category."""
    paper = 2 * PAPER_MARGIN
    total = 2 * PAPER_MARGIN + 32 + 26 + 8 + LINE_HEIGHT * len(receipt.lines) + 12
    name = 11.0 * len(receipt.store)
    return {
        "Receipt": (PAPER_MARGIN, PAPER_MARGIN, WIDTH - paper, receipt.height - paper),
        "Store": ((WIDTH - name) / 2, paper - 2, name, 24),
        "Total": (paper, total - 4, WIDTH - 2 * paper, 28),
    }


def coco(receipts: list[Receipt]) -> dict[str, object]:
    """Return the boxes of receipts as COCO instances; the last one is too tall for its picture."""
    annotations = []
    for receipt in receipts:
        for number, (category, box) in enumerate(found(receipt).items(), 1):
            annotations.append(
                {
                    "id": receipt.number * 10 + number,
                    "image_id": receipt.number,
                    "category_id": CATEGORIES.index(category) + 1,
                    "bbox": [round(side, 1) for side in box],
                    "score": receipt.score,
                }
            )
    annotations[-1]["bbox"][3] += 400
    images = [
        {"id": each.number, "file_name": f"images/{each.image_id}.png", "width": WIDTH, "height": each.height}
        for each in receipts
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, 1)]
    return {"images": images, "categories": categories, "annotations": annotations}


def write_predictions(receipts: list[Receipt]) -> None:
    """Write what the model says of the receipts of the first load."""
    place = BUCKET / "predictions"
    place.mkdir(exist_ok=True)
    with (place / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_id", "score"))
        writer.writerows((each.image_id, each.score) for each in receipts)
    unsure = coco([each for each in receipts if each.score < UNSURE])
    (place / "boxes.json").write_text(json.dumps(unsure, indent=1) + "\n", encoding="utf-8")


def write_table(path: Path, rows: list[list[str]]) -> None:
    """Write rows as CSV with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture in sixteen greys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(16).save(path, optimize=True)


def main() -> None:
    """Write all sample files."""
    pictures = {made: draw(made) for made in map(receipt, range(1, RECEIPTS + 1))}
    receipts = list(pictures)
    for made, picture in pictures.items():
        write_picture(BUCKET / "images" / f"{made.image_id}.png", picture)
        thumbnail = picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)
        write_picture(BUCKET / "thumbnails" / f"{made.image_id}.png", thumbnail)
    write_table(BUCKET / "tables" / "receipts.csv", [made.row() for made in receipts[:FIRST_LOAD]])
    write_table(HERE / "edited" / "receipts.csv", edited(receipts))
    write_predictions(receipts[:FIRST_LOAD])
    pq.write_table(facts(pictures), BUCKET / "tables" / "facts.parquet")


if __name__ == "__main__":
    main()
