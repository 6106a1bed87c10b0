"""Whole numbers for ids of texts: the same in every run, and never the same for two."""

from __future__ import annotations

import hashlib

import numpy as np

_BITS = 53  # what every reader of JSON holds exactly, also as a float
_RECENT = 1 << 16


class StableIds:
    """Gives each text a number that follows from the text alone.

    Should two texts have the same number, which happens once in ten thousand sets of a million, the later one takes
    the next that follows from it. Of a million ids eight megabytes are kept.

    :param bits: of the numbers, which are above 0
    """

    def __init__(self, bits: int = _BITS) -> None:
        self._bits = bits
        self._sorted = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def of(self, text: str) -> int:
        """Return the number of a text; ask but once for each."""
        attempt = 0
        while self._is_taken(number := self._number(text, attempt)):
            attempt += 1
        self._recent.add(number)
        if len(self._recent) == _RECENT:
            self._sorted = np.union1d(self._sorted, np.fromiter(self._recent, np.uint64, _RECENT))
            self._recent = set()
        return number

    def _number(self, text: str, attempt: int) -> int:
        salt = attempt.to_bytes(8, "big")
        digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8, salt=salt).digest()
        return int.from_bytes(digest, "big") >> 64 - self._bits

    def _is_taken(self, number: int) -> bool:
        if not number or number in self._recent:
            return True
        at = int(np.searchsorted(self._sorted, np.uint64(number)))
        return at < len(self._sorted) and int(self._sorted[at]) == number
