"""Which global keys a run has met already, in eight bytes a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class SeenKeys:
    """Remembers keys by 64-bit hash in sorted runs that double in size, so that memory stays at 8 bytes a key.

    Two keys of one hash would be taken for one: about 3 in 100 million runs of a million rows.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def contains(self, keys: Sequence[str]) -> list[bool]:
        """Tell for each key whether it was added before."""
        hashes = np.fromiter(map(hash, keys), np.int64, len(keys))
        order = np.argsort(hashes)  # neighbours are looked up faster
        hashes = hashes[order]
        met = np.zeros(len(keys), bool)
        for run in self._runs:
            met[order] |= run[np.minimum(np.searchsorted(run, hashes), len(run) - 1)] == hashes
        return list(met.tolist())

    def add(self, keys: Sequence[str]) -> None:
        """Remember ``keys``."""
        run = np.sort(np.fromiter(map(hash, keys), np.int64, len(keys)))
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate((self._runs.pop(), run)))
        if len(run):
            self._runs.append(run)
