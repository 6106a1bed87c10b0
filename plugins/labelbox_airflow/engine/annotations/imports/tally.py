"""How annotations ended, by outcome and class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

OUTCOMES = ("sent", "unchanged", "rejected")
ASIDE = {  # what becomes of annotations beside the outcomes
    "labeled": "left alone, as their data rows are labeled",
    "left": "left as they were before they changed",
    "not_selected": "of data rows that the run does not send to the project",
    "below_confidence": "below the least confidence",
    "crowd": "of crowds",
    "no_keypoints": "without keypoints",
}
STAGE = "import_annotations"  # of dead letters
PART = "annotations"  # begins the parts of a run whose outcomes are about annotations
NO_CLASS = "(none)"
_SEPARATOR = "/"

Tally = Counter[tuple[str, str]]
"""(outcome, class) → annotations."""


def stored(tally: Tally) -> dict[str, int]:
    """Return a tally as the ledger keeps it: the outcome with the class behind it."""
    return {f"{outcome}{_SEPARATOR}{name}": count for (outcome, name), count in tally.items() if count}


def restored(counts: Mapping[str, int]) -> Tally:
    """Return the tally that :func:`stored` gave to the ledger."""
    tally: Tally = Counter()
    for key, count in counts.items():
        outcome, _, name = key.partition(_SEPARATOR)
        tally[outcome, name] += count
    return tally


def by_outcome(tally: Tally) -> Counter[str]:
    """Return annotations by outcome alone."""
    found: Counter[str] = Counter()
    for (outcome, _), count in tally.items():
        found[outcome] += count
    return found
