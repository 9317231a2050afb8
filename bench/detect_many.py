"""The product's judgement of many deployments at once, for the detection harness: ceilings by the product's own code,
evidence by the same formulas in numpy. A test holds both against each other, run by run.

Needs numpy; `factory` of `bench.detector` is the product's code alone, one deployment at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mobius.model.baseline import Baseline, Block
from mobius.rules.adaptive import ALL_BAD, ALL_BAD_LOOKS, ERRORS_WEIGHT, THRESHOLD
from mobius.rules.adaptive.ceilings import BLIP_S, Ceiling, ceilings
from mobius.rules.adaptive.evidence import CLUMPING, ODDS, most_a_second
from mobius.rules.adaptive.stakes import FIRST_STAKE, MOST

TICK_S, WINDOW_S, BLOCK_S = 5.0, 3600.0, 30.0
Array = Any  # numpy's, of whatever shape the line says


class Many:
    """A policy of the harness: `start` with the baselines of R deployments, `observe` every tick of all of them."""

    name = "mobius"

    def start(self, before: Any) -> None:
        """`before`: `n`, `err`, `hist` by run and block, and the totals."""
        found = [_ceilings(before, run) for run in range(len(before.tot_n))]
        self._above = np.array([[max(one.above, 0) for one in channels] for channels in found])
        share = _column(found, "share")
        odds = np.array(ODDS) * share / (1 - share)
        self._share, self._bets = share, odds / (1 + odds)
        phi = _column(found, "phi")
        self._if_bad = np.log(self._bets / share) / phi
        self._if_good = np.log1p((share - self._bets) / (1 - share)) / phi
        clumping = _column(found, "clumping")
        self._clumps = clumping > CLUMPING
        self._size = TICK_S / np.where(self._clumps, clumping * _column(found, "block_s"), 1.0)
        most = [[most_a_second(one) for one in channels] for channels in found]
        self._largest = np.minimum(TICK_S * np.array(most), 600.0)[:, :, None]
        blip_s = _column(found, "blip_s")[:, :, 0]
        self._age = np.ceil((blip_s + TICK_S - 1e-6) / TICK_S).astype(int)
        self._every = np.zeros((*share.shape[:2], len(ODDS)))
        self._left = self._every.copy()
        self._before = np.zeros((self._age.max() + 1, *self._every.shape))
        self._weights = np.array([ERRORS_WEIGHT, *[(1 - ERRORS_WEIGHT) / 3] * 3])
        self._tick = 0
        self._fails_s, self._looks = np.zeros(len(found)), np.zeros(len(found))

    def observe(self, tick: Any) -> Array:
        """True where a deployment would be rolled back now."""
        runs = np.arange(len(tick.n))
        later = np.cumsum(tick.hist[:, ::-1], axis=1)[:, ::-1]  # from this bucket on
        slow = later[runs[:, None], np.minimum(self._above[:, 1:] + 1, later.shape[1] - 1)]
        bad = np.concatenate([tick.err[:, None], slow], axis=1)[:, :, None].astype(float)
        of = np.concatenate([tick.n[:, None], np.repeat(later[:, :1], 3, axis=1)], axis=1)[:, :, None]
        ratio = np.exp(np.minimum(self._log_ratios(bad, of.astype(float)), self._largest))
        stake = FIRST_STAKE if not self._tick else (1 - FIRST_STAKE) * TICK_S / WINDOW_S
        places = len(self._before)
        channels = np.arange(self._age.shape[1])
        forgiven = self._before[(self._tick - self._age) % places, runs[:, None], channels]
        forgiven = np.where((self._age <= self._tick)[:, :, None], forgiven, 0.0)
        self._every = np.minimum((self._every + stake) * ratio, MOST)
        self._left = np.minimum(np.minimum((self._left + stake) * ratio, forgiven), MOST)
        self._before[self._tick % places] = self._every
        self._tick += 1
        total = (self._left.mean(axis=2) * self._weights).sum(axis=1)
        return (total >= THRESHOLD) | self._fails_as_a_whole(tick)

    def _log_ratios(self, bad: Array, of: Array) -> Array:
        plain = bad * self._if_bad + (of - bad) * self._if_good
        if not self._clumps.any():
            return plain
        at_most, otherwise = of * self._share, of * self._bets
        ratio = (self._size + at_most) / (self._size + otherwise)
        with np.errstate(divide="ignore", invalid="ignore"):
            bursts = bad * np.log(otherwise / at_most * ratio) + self._size * np.log(ratio)
        return np.where(self._clumps & (of > 0), bursts, np.where(of > 0, plain, 0.0))

    def _fails_as_a_whole(self, tick: Any) -> Array:
        some = tick.n > 0
        bad = some & (tick.err >= ALL_BAD * tick.n)
        goes_on = bad | (~some & (self._looks > 0))
        self._fails_s = np.where(goes_on, self._fails_s + TICK_S, 0.0)
        self._looks = np.where(bad, self._looks + 1, np.where(some, 0, self._looks))
        return bad & (self._fails_s > BLIP_S) & (self._looks >= ALL_BAD_LOOKS)


def _ceilings(before: Any, run: int) -> tuple[Ceiling, ...]:
    blocks = tuple(
        Block(int(n), int(errors), tuple(times.tolist()))
        for n, errors, times in zip(before.n[run], before.err[run], before.hist[run], strict=True)
    )
    total = Block(int(before.tot_n[run]), int(before.tot_err[run]), tuple(before.tot_hist[run].tolist()))
    return ceilings(Baseline(blocks, BLOCK_S, total))


def _column(found: list[tuple[Ceiling, ...]], name: str) -> Array:
    return np.array([[float(getattr(one, name)) for one in channels] for channels in found])[:, :, None]
