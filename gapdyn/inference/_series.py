"""One series of any quantity (accuracy, reward, pass@k) as something that a reference curve can be fitted to."""

from __future__ import annotations

import dataclasses

import numpy as np

from .._check import InputError, did_you_mean
from ..data import Run
from ..dynamics import LawSpec

STANDARD_ERRORS = {"u_s": "se_s", "u_v": "se_v"}


def single(run: Run, curve: LawSpec, series: str) -> tuple[Run, LawSpec]:
    """The run with `series` in the place of u_s and nothing in that of u_v, and the curve for one series.

    A standard error is taken from the column that belongs to it: se_s, se_v, or `se_` and the series' name.

    Raises
    ------
    InputError
        A law, which describes u_s and u_v together; a series that the run does not have.
    """
    if not isinstance(curve, LawSpec) or curve.one_series is None:
        raise InputError(
            f"series={series!r}: {getattr(curve, 'name', curve)!r} describes u_s and u_v together. One series is for a "
            "curve of gapdyn.curves, such as gd.curves.exponential()."
        )
    columns = {name: values for name, values in run.columns().items() if name != run.clock}
    if series not in columns:
        raise InputError(f"run {run.name!r} has no series {series!r}. {did_you_mean(str(series), columns)}")
    error = STANDARD_ERRORS.get(series, f"se_{series}")
    se = columns.get(error, np.full(len(run), np.nan))
    one = dataclasses.replace(
        run,
        u_s=columns[series],
        se_s=np.where(se > 0, se, np.nan),
        u_v=None,
        se_v=None,
        corr=None,
        unit=run.unit if series in STANDARD_ERRORS else "arbitrary",
    )
    return one, curve.one_series()
