"""The peers of `solve.py`: some of its laws as a user of SciPy or of torchdiffeq would write them, by hand.

One field serves both libraries. `XP` is `numpy` or `torch`, numbers are scalars or have a leading axis of laws.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

try:
    import torch
    import torchdiffeq
except ImportError:  # a benchmark without this peer is still one; the result says that it is absent
    torch = torchdiffeq = None

RTOL = 1e-8  # of every peer; atol is as much of the displacement, as in our own routes
METHODS = ("DOP853", "RK45")


def versions() -> dict[str, str]:
    """Package -> version, or "absent"."""
    here = {"scipy", *(("torch", "torchdiffeq") if torch is not None else ())}
    return {p: importlib.metadata.version(p) if p in here else "absent" for p in ("scipy", "torch", "torchdiffeq")}


def linear(xp: Any, p: dict[str, Any], u_s: Any, u_v: Any) -> tuple[Any, Any]:
    """The shared-rate law, and with a `kappa` that of the relaxing verifier."""
    drive = p["k"] * (u_s - u_v - p["rest"])
    pull = p["kappa"] * (u_v - p["target"]) if "kappa" in p else 0.0
    return -p["alpha"] * drive, -p["beta"] * drive - pull


def neural(xp: Any, p: dict[str, Any], u_s: Any, u_v: Any) -> tuple[Any, Any]:
    """The monotone network, which has no closed form."""
    weights, slopes, centres = xp.exp(p["log_weights"]), xp.exp(p["log_slopes"]), p["centres"]

    def network(z: Any) -> Any:
        return z + (weights * xp.tanh(slopes * (z[..., None] - centres))).sum(-1)

    zero = xp.zeros_like(p["k"])
    low = network(zero)
    bent = (network((u_s - u_v - p["rest"]) / p["scale"]) - low) / (network(zero + 1) - low)
    drive = p["k"] * p["scale"] * bent
    return -p["alpha"] * drive, -p["beta"] * drive


FIELDS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "shared_rate": linear,
    "neural_potential": neural,
    "relaxing_verifier": linear,
}


def numbers(law: Any) -> dict[str, np.ndarray]:
    """What a field asks for, of one law or of a batch."""
    potential = law.potential
    found = {"k": potential.k, "rest": potential.rest, "alpha": law.response.a, "beta": law.response.b}
    found |= {
        n: getattr(potential, n) for n in ("scale", "log_weights", "log_slopes", "centres") if n in vars(potential)
    }
    if law.relaxation is not None:
        found |= {"kappa": law.relaxation.kappa, "target": law.relaxation.target}
    return {n: np.asarray(x) for n, x in found.items()}


def scipy_solver(name: str, law: Any, ts: np.ndarray, scale: float, method: str) -> Callable[[], np.ndarray]:
    """A call that solves one law: (2, times)."""
    # elements of arrays would be slow as numbers of NumPy; what is a number becomes a Python float
    p = {n: float(x) if x.ndim == 0 and name != "neural_potential" else x for n, x in numbers(law).items()}
    field, start = FIELDS[name], np.asarray([float(law.u_s0), float(law.u_v0)])

    def down(t: float, y: np.ndarray) -> tuple[Any, Any]:
        return field(np, p, y[0], y[1])

    return lambda: solve_ivp(down, (ts[0], ts[-1]), start, method, t_eval=ts, rtol=RTOL, atol=RTOL * scale).y


def torch_solver(
    name: str, law: Any, ts: np.ndarray, scale: float, weights: np.ndarray, gradient: bool
) -> Callable[[], Any]:
    """A call that solves a law, or a batch in one state (dopri5): (times, ..., 2), or the loss and its gradients."""
    torch.set_num_threads(1)
    p = {n: torch.tensor(x, dtype=torch.float64, requires_grad=gradient) for n, x in numbers(law).items()}
    start = torch.tensor(np.stack([law.u_s0, law.u_v0], -1), dtype=torch.float64, requires_grad=gradient)
    field, times, loss_weights = FIELDS[name], torch.tensor(ts), torch.tensor(weights)

    def down(t: Any, y: Any) -> Any:
        return torch.stack(field(torch, p, y[..., 0], y[..., 1]), -1)

    def solution() -> Any:
        return torchdiffeq.odeint(down, start, times, rtol=RTOL, atol=RTOL * scale, method="dopri5")

    def value() -> np.ndarray:
        with torch.no_grad():
            return solution().numpy()

    def value_and_gradient() -> Any:
        loss = torch.einsum("t...j,jt->...", solution(), loss_weights).sum()  # laws do not mix: all gradients at once
        return loss.detach(), torch.autograd.grad(loss, [start, *p.values()])

    return value_and_gradient if gradient else value
