"""The work of a test: fits of fleets on however many devices there are; figures as JSON."""

import json
import sys

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import gapdyn as gd  # noqa: E402
from gapdyn.fleets import _nested  # noqa: E402
from gapdyn.fleets._devices import spread  # noqa: E402

# a law and a number of runs for either kind of program
KINDS = {"outright": (gd.laws.shared_rate(), 40), "searched": (gd.laws.shared_rate(rho=0.3), 10)}


def figures(law: gd.laws.LawSpec, count: int) -> dict[str, list[float]]:
    """Means and sds of a number of runs."""
    _nested.COMPILED = 1  # as if there were a thousand
    runs = [gd.simulate(gd.laws.shared_rate(rate=0.1 + 0.01 * i), range(8 + i % 5), noise=0.01, key=i, name=f"run {i}")
            for i in range(count)]  # fmt: skip
    many = gd.fit(gd.Fleet(runs), law, key=0, progress=False)
    assert set(many.engine) == {"quadrature"}
    return {figure: np.asarray(getattr(many.summary["rate"], figure)).tolist() for figure in ("mean", "sd")}


if __name__ == "__main__":
    shared = jax.jit(lambda x: spread(jnp.sin, x))(np.zeros(24)).sharding.device_set
    json.dump({"devices": len(shared), **figures(*KINDS[sys.argv[1]])}, sys.stdout)
