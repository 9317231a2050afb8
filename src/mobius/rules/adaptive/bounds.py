"""Statistics in plain Python: an upper bound of a share, the tail of a binomial, and a quantile of Student's t."""

from __future__ import annotations

from math import exp, lgamma, log, log1p, sqrt

STEPS = 60  # of a bisection: far finer than anything that is measured
TINY = 1e-300


def share_above(bad: float, of: float, level: float) -> float:
    """The upper bound by Clopper and Pearson of a share of which `bad` were seen in `of` tries: it is wrong with at
    most the chance `level`. 1 where nothing, or nothing good, was seen."""
    if bad >= of:
        return 1.0
    low, high = bad / of, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(bad + 1, of - bad, middle) < 1 - level else (low, middle)
    return high


def chance_of_so_many(bad: int, of: int, part: float) -> float:
    """That of so many, each with the chance `part`, as many as `bad` or more come."""
    return 1.0 if bad <= 0 else _beta(bad, of - bad + 1, part) if part < 1 else 1.0


def student(quantile: float, freedom: float, most: float) -> float:
    """The quantile (above 0.5) of Student's t with so many degrees of freedom, and no more than `most`."""
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        above = 0.5 * _beta(freedom / 2, 0.5, freedom / (freedom + middle * middle))
        low, high = (middle, high) if above > 1 - quantile else (low, middle)
    return high


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, evaluated after Lentz)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _reciprocal(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 200 + int(5 * sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = _reciprocal(1 + term * d)
            c = 1 + term / c or TINY
            found *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return found


def _reciprocal(value: float) -> float:
    return 1 / (value or TINY)
