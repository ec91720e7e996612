"""Blocks of prompts: what a bootstrap resamples. Few prompts are blocks of their own; many share one thousand."""

from __future__ import annotations

import numpy as np


class Blocks:
    """Which block each prompt belongs to, over all checkpoints of a scan.

    The first `MOST` prompts to appear open a block each; later ones are dealt to these by a hash of their name. Sums
    over the prompts of a block are all that is kept of them, so that memory does not grow with the prompts.
    """

    MOST = 1000

    def __init__(self) -> None:
        self._known = np.zeros(0, np.uint64)  # sorted
        self._block = np.zeros(0, np.int64)

    def of(self, prompts: np.ndarray) -> np.ndarray:
        """The block of each prompt, (n,), from hashes of their names, (n,)."""
        if len(self._known) < self.MOST:
            self._learn(prompts)
        place = np.minimum(np.searchsorted(self._known, prompts), len(self._known) - 1)
        dealt = (prompts % np.uint64(self.MOST)).astype(np.int64)
        return np.where(self._known[place] == prompts, self._block[place], dealt)

    def _learn(self, prompts: np.ndarray) -> None:
        names, first = np.unique(prompts, return_index=True)
        new = np.argsort(first)[~np.isin(names, self._known)[np.argsort(first)]]
        new = new[: self.MOST - len(self._known)]
        known = np.concatenate([self._known, names[new]])
        block = np.concatenate([self._block, np.arange(len(self._block), len(known))])
        order = np.argsort(known)
        self._known, self._block = known[order], block[order]
