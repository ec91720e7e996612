"""The shared-rate law's numbers, in every form that the literature and its users write them.

Two curves identify (rate, rho, gap_inf) beside the start; alpha, beta, k, b carry a gauge: only k alpha, k beta and b/k
have meaning. `k` is therefore a number that the user states (1 unless told otherwise), never a parameter to infer.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Coefficients(NamedTuple):
    """alpha, beta (1/time), k (dimensionless gauge), b (unit of u, times k) of Sun et al., arXiv:2507.00075."""

    alpha: Any
    beta: Any
    k: Any
    b: Any


class Identifiable(NamedTuple):
    """rate = k (alpha - beta) (1/time), rho = beta/alpha, gap_inf = b/k (unit of u)."""

    rate: Any
    rho: Any
    gap_inf: Any


def to_paper(rate: Any, rho: Any, gap_inf: Any, *, k: Any = 1.0) -> Coefficients:
    """The paper's coefficients in the gauge `k`.

    Examples
    --------
    >>> to_paper(rate=0.5, rho=0.5, gap_inf=0.1)
    Coefficients(alpha=1.0, beta=0.5, k=1.0, b=0.1)
    >>> to_paper(rate=0.5, rho=0.5, gap_inf=0.1, k=2.0)
    Coefficients(alpha=0.5, beta=0.25, k=2.0, b=0.2)
    """
    alpha = rate / (k * (1 - rho))
    return Coefficients(alpha, rho * alpha, k, k * gap_inf)


def from_paper(alpha: Any, beta: Any, k: Any, b: Any) -> Identifiable:
    """The identifiable numbers of the paper's coefficients; the same for every gauge.

    Examples
    --------
    >>> from_paper(alpha=1.0, beta=0.5, k=1.0, b=0.1)
    Identifiable(rate=0.5, rho=0.5, gap_inf=0.1)
    """
    return Identifiable(k * (alpha - beta), beta / alpha, b / k)
