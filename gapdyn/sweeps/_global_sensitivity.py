"""What a quantity depends on over ranges of the parameters: Sobol indices, swings, slopes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._finding import AbstractResult, Finding
from .._random import as_seed, generator, split
from .._typing import Array
from ..dynamics import LawSpec
from ._part import make_part
from ._quantities import parse
from ._settings import AbstractSettings, checked_size, points
from ._sobol import Sobol, quantiles, sobol
from ._sweep import sweep

ENDS = (0.05, 0.95)  # quantiles between which a swing goes
RESAMPLES = 400
LEAST = 64


class Saltelli(AbstractSettings):
    """Two sets of points A and B, and for each parameter A with that column of B (Saltelli et al. 2010)."""

    names: tuple[str, ...] = eqx.field(static=True)
    pairs: Sobol  # of twice as many names: the columns of A, then those of B

    @property
    def size(self) -> int:
        return (len(self.names) + 2) * self.pairs.size

    @property
    def dims(self) -> dict[str, np.ndarray | int]:
        return {"block": np.asarray(["A", "B", *self.names]), "setting": self.pairs.size}

    def at(self, i: Array) -> dict[str, Array]:
        block, both = i // self.pairs.size, self.pairs.at(i % self.pairs.size)
        out = {}
        for k, name in enumerate(self.names):
            of_b = (block == 1) | (block == k + 2)
            out[name] = jnp.where(of_b, both[f"{name} of B"], both[name])
        return out

    def describe(self) -> dict[str, Any]:
        return {"kind": "saltelli", "pairs": self.pairs.describe()}


@dataclasses.dataclass(frozen=True, eq=False)
class GlobalSensitivity(AbstractResult):
    """What a quantity depends on. Made by `gapdyn.global_sensitivity`.

    Attributes
    ----------
    of : the quantity.
    law : the law, with the parameters that are held fixed, as text.
    ranges : parameter -> its range or distribution, as text.
    first, total : parameter -> Sobol index: the share of the quantity's variance that goes if the parameter alone were
        known; the share that stays if all but it were known. They differ by interactions.
    interval : "first" or "total" -> parameter -> 90% bootstrap interval (low, high).
    swing : parameter -> the quantity at its 5% and 95% points, the others at their medians.
    slope : parameter -> the derivative at the medians.
    middle : the quantity at the medians.
    mean, sd : of the quantity over the ranges.
    n : points of each of the sets that were compared.
    findings : settings that failed, points that are too few.
    """

    of: str
    law: str
    ranges: Mapping[str, str]
    first: Mapping[str, float]
    total: Mapping[str, float]
    interval: Mapping[str, Mapping[str, tuple[float, float]]]
    swing: Mapping[str, tuple[float, float]]
    slope: Mapping[str, float]
    middle: float
    mean: float
    sd: float
    n: int
    findings: tuple[Finding, ...]

    @property
    def order(self) -> list[str]:
        """Parameters, the most important first."""
        return sorted(self.total, key=lambda name: -self.total[name])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        parameters = {
            n: {
                "range": self.ranges[n],
                "first": self.first[n],
                "first_90": list(self.interval["first"][n]),
                "total": self.total[n],
                "total_90": list(self.interval["total"][n]),
                "swing": list(self.swing[n]),
                "slope": self.slope[n],
            }
            for n in self.order
        }
        return {"of": self.of, "law": self.law, "mean": self.mean, "sd": self.sd, "middle": self.middle, "n": self.n,
                "parameters": parameters, "findings": [f.to_dict() for f in self.findings]}  # fmt: skip

    def table(self) -> str:
        """The parameters as a table, the most important first, without the findings."""
        over = f"mean {self.mean:.4g}, sd {self.sd:.4g} over the ranges; {self.middle:.4g} at their medians"
        lines = [f"what {self.of} depends on: {self.law}", over]
        heads = f"{'first':>8s}{'90% interval':>18s}{'total':>9s}{'90% interval':>18s}{'from 5%':>11s}{'to 95%':>10s}"
        lines.append(f"{'':14s}{heads}{'slope':>11s}")
        for n in self.order:
            cells = ""
            for kind, value, width in (("first", self.first[n], 8), ("total", self.total[n], 9)):
                low, high = self.interval[kind][n]
                cells += f"{value:>{width}.3f}{f'[{low:.3f}, {high:.3f}]':>18s}"
            low, high = self.swing[n]
            lines.append(f"{n:14s}{cells}{low:>11.4g}{high:>10.4g}{self.slope[n]:>11.4g}")
        return "\n".join(lines)


def global_sensitivity(
    law: LawSpec, ranges: Mapping[str, Any], of: str = "u_s_inf", ts: Any = None, *, n: int = 1024, key: Any = 0,
    devices: Any = None, progress: bool | None = None,
) -> GlobalSensitivity:  # fmt: skip
    """What a quantity depends on over ranges of the parameters, taken as independent.

    Parameters
    ----------
    law : a law of `gapdyn.laws` or a curve; parameters without a range have its numbers.
    ranges : parameter -> (low, high), or a NumPyro distribution with quantiles, see `gapdyn.sweeps.sobol`.
    of : a quantity of `gapdyn.sweep` that is one number, such as "u_s_inf", "time_to(0.01)" or "gap".
    ts : (times,), where the quantity is at a time.
    n : points in each of the sets that are compared, best a power of two; (parameters + 2) n settings are computed.
    key : seed of the points and of the bootstrap.
    devices : as in `gapdyn.sweep`.
    progress : whether to show a bar on stderr.

    Returns
    -------
    GlobalSensitivity
        Points that fail in any of the sets are left out of all, and reported.

    Raises
    ------
    InputError
        Unknown parameters or quantities, a trajectory or a derivative, fewer than 64 points, a quantity that is nowhere
        defined or does not vary.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < LEAST:
        raise InputError(f"n={n!r}: Sobol indices take at least {LEAST} points in each set.")
    names = tuple(ranges)
    pairs = sobol({**ranges, **{f"{name} of B": r for name, r in ranges.items()}}, n, key=split(as_seed(key), 2)[0])
    assert isinstance(pairs, Sobol)
    middles = quantiles(ranges, (*ENDS, 0.5))
    part = make_part(law, points({name: [x[2]] for name, x in middles.items()}))
    (quantity,) = _one(of, parse(of, names, part.parameters))
    common = {"ts": ts, "devices": devices, "progress": progress}
    found = sweep(law, checked_size(Saltelli(names, pairs)), quantity, **common)
    f = np.asarray(found[quantity], np.float64).reshape(len(names) + 2, n)
    good = np.isfinite(f).all(0)
    findings = list(found.findings)
    if good.sum() < LEAST:
        raise InputError(f"{quantity} is defined at {int(good.sum())} of {n} points in all sets, too few for indices: "
                         f"{'; '.join(x.text for x in findings)} Narrow the ranges.")  # fmt: skip
    f = f[:, good]
    if np.ptp(f[:2]) == 0:
        raise InputError(
            f"{quantity} is {f[0, 0]:g} wherever it was computed: it depends on none of {', '.join(names)}."
        )
    estimates = np.stack(indices(f))
    dice = generator(split(as_seed(key), 2)[1])
    resampled = np.stack([indices(f[:, dice.integers(0, f.shape[1], f.shape[1])]) for _ in range(RESAMPLES)])
    low, high = np.quantile(resampled, (0.05, 0.95), axis=0)
    width = float((high - low).max())
    if width > 0.2:
        text = f"Indices of {f.shape[1]} points are known to {width / 2:.2f} at best."
        findings.append(Finding("warning", "few_points", text, f"Pass n={2 ** int(np.ceil(np.log2(16 * n)))}."))
    kinds = ("first", "total")
    swings = _swings(law, middles, quantity, common)
    said = dict(pairs.said[0])
    return GlobalSensitivity(
        of=quantity,
        law=next(iter(found.laws.values())),
        ranges={name: said[name] for name in names},
        first=dict(zip(names, estimates[0].tolist(), strict=True)),
        total=dict(zip(names, estimates[1].tolist(), strict=True)),
        interval={kind: {name: (float(low[i, k]), float(high[i, k])) for k, name in enumerate(names)}
                  for i, kind in enumerate(kinds)},
        mean=float(f[:2].mean()),
        sd=float(f[:2].std()),
        n=n,
        findings=tuple(findings),
        **swings,
    )  # fmt: skip


def _one(of: str, parsed: Any) -> tuple[str]:
    (first, *more) = parsed
    if more or first.by is not None or first.of == "trajectory":
        raise InputError(f"of={of!r}: sensitivity is that of one number, such as 'u_s_inf', 'time_to(0.01)' or 'gap'.")
    return (first.name,)


def indices(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First-order and total Sobol indices (parameters,) of the sets A, B and AB_1 .. AB_d, (parameters + 2, points).

    Saltelli et al. (2010), table 2, (b) and (f), as in `scipy.stats.sobol_indices`.
    """
    f = f - f[:2].mean()
    a, b, ab = f[0], f[1], f[2:]
    variance = f[:2].var()
    return (b * (ab - a)).mean(-1) / variance, 0.5 * ((a - ab) ** 2).mean(-1) / variance


def _swings(law: LawSpec, at: Mapping[str, np.ndarray], quantity: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """The quantity with one parameter at a time at the ends, and its derivatives at the medians."""
    rows = np.tile([x[2] for x in at.values()], (2 * len(at) + 1, 1))
    for k, x in enumerate(at.values()):
        rows[2 * k + 1, k], rows[2 * k + 2, k] = x[0], x[1]
    names = list(at)
    found = sweep(law, points(dict(zip(names, rows.T, strict=True))), [quantity, f"d {quantity}"], **common)
    x = np.asarray(found[quantity], np.float64)
    return {
        "middle": float(x[0]),
        "swing": {n: (float(x[2 * k + 1]), float(x[2 * k + 2])) for k, n in enumerate(names)},
        "slope": {n: float(found[f"d {quantity}/d {n}"][0]) for n in names},
    }
