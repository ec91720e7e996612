"""Other people's models with published posteriors (posteriordb): every engine has them, or a finding that it declined.

Published means come with their Monte Carlo errors; eight schools is also integrated here, to as many digits as wanted.
"""

from __future__ import annotations

import functools

import diffrax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

import gapdyn as gd

ENGINES = ("auto", "importance", "nuts", "laplace", "svi")
DECLINED = {"pareto_k", "share", "ess", "rhat", "starts", "approximation"}
EFFECT = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERROR = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def schools(y, se):
    mu, tau = numpyro.sample("mu", dist.Normal(0, 5)), numpyro.sample("tau", dist.HalfCauchy(5))
    z = numpyro.sample("z", dist.Normal(0, 1).expand([8]).to_event(1))
    theta = numpyro.deterministic("theta", mu + tau * z)
    numpyro.sample("y", dist.Normal(theta, se), obs=y)


# Hudson's Bay Company: pelts of hare and lynx in thousands, 1900 to 1920 (Howard 2009)
HARE = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
        24.7]  # fmt: skip
LYNX = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]


def solved(field, start, ts, parameters):
    """A Tsit5 solve that rejects, rather than ends the run, where it would take too long."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, ts[-1], 0.01, start, parameters,
        saveat=diffrax.SaveAt(ts=ts), stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-6), max_steps=500,
        throw=False,
    )  # fmt: skip
    numpyro.factor("solved", jnp.where(solution.result == diffrax.RESULTS.successful, 0.0, -jnp.inf))
    return jnp.maximum(jnp.nan_to_num(solution.ys, nan=1.0, posinf=1e10), 1e-10)


def lotka_volterra(pelts):
    def field(t, z, theta):
        return jnp.stack([(theta[0] - theta[1] * z[1]) * z[0], (-theta[2] + theta[3] * z[0]) * z[1]])

    loc, scale = jnp.array([1.0, 0.05, 1.0, 0.05]), jnp.array([0.5, 0.05, 0.5, 0.05])
    theta = numpyro.sample("theta", dist.TruncatedNormal(loc, scale, low=0.0).to_event(1))
    start = numpyro.sample("z_init", dist.LogNormal(jnp.log(10.0), 1.0).expand([2]).to_event(1))
    sigma = numpyro.sample("sigma", dist.LogNormal(-1.0, 1.0).expand([2]).to_event(1))
    later = solved(field, start, jnp.arange(1.0, 21.0), theta)
    numpyro.sample("pelts", dist.LogNormal(jnp.log(jnp.concatenate([start[None], later])), sigma), obs=pelts)


CONCENTRATION = [
    5.70812264865215, 7.10126075072086, 8.38520678426651, 9.79008249883381, 13.4390409239245, 11.4478987597702,
    11.2124282696837, 11.4269217682577, 12.2432859438401, 13.8201804108938, 13.8408670746042, 11.422291744251,
    10.5031943081843, 11.9121452242965, 14.0849980781312, 10.5505145523917, 10.1905539351877, 12.2232272590821,
    11.7290653047821, 12.2719396535996,
]  # fmt: skip


def one_compartment(measured, dose, volume):
    def field(t, c, p):
        k_a, k_m, v_m = p
        return jnp.exp(-k_a * t) * dose * k_a / volume - v_m / volume * c / (k_m + c)

    k_a, k_m, v_m, sigma = (numpyro.sample(n, dist.HalfCauchy(1.0)) for n in ("k_a", "K_m", "V_m", "sigma"))
    c = solved(field, jnp.zeros(()), 0.5 * jnp.arange(1.0, 21.0), (k_a, k_m, v_m))
    numpyro.sample("measured", dist.LogNormal(jnp.log(c), sigma), obs=measured)


MODELS = {
    "eight schools": (schools, (jnp.asarray(EFFECT), jnp.asarray(ERROR))),
    "Lotka-Volterra": (lotka_volterra, (jnp.asarray([HARE, LYNX]).T,)),
    "one compartment": (one_compartment, (jnp.asarray(CONCENTRATION), 30.0, 2.0)),
}
# posteriordb: mean, its Monte Carlo error, and mean of the square where that is told
PUBLISHED = {
    "eight schools": {
        "mu": (4.41051833695493, 0.0330374705950917, None),
        "tau": (3.60205952364059, 0.0318615135640706, None),
        "theta[0]": (6.15050229334425, 0.0557375282295219, None),
        "theta[6]": (6.31716975886893, 0.0498766794075794, None),
    },
    "Lotka-Volterra": {
        "theta[0]": (0.546864499783931, 0.00062626907415417, 0.3030362900),
        "theta[1]": (0.0277472877678081, 4.11604266143508e-05, 0.0007871719),
        "theta[2]": (0.800095360233122, 0.000884603225898987, 0.6481388153),
        "theta[3]": (0.0240859152534545, 3.50047668143892e-05, 0.0005925775),
        "z_init[0]": (34.0352224770469, 0.0293082761729642, 1166.9038171313),
        "z_init[1]": (5.93589713368062, 0.00533872103038814, 35.5163321009),
        "sigma[0]": (0.24805686320252, 0.000439337727695207, 0.0634036795),
        "sigma[1]": (0.251016914583618, 0.000439525598676463, 0.0649094189),
    },
    "one compartment": {
        "k_a": (0.761013422876304, 0.000780642770834883, 0.58520983),
        "K_m": (2.53728053955015, 0.0782881153190289, 59.36993748),
        "V_m": (0.981820806365048, 0.00603334688230323, 1.28126587),
        "sigma": (0.128834841818538, 0.000236057749956237, 0.01714603),
    },
}


@functools.cache
def sampled(model: str, engine: str) -> gd.engines.Posterior:
    function, data = MODELS[model]
    return gd.engines.sample(function, data, key=0, engine=engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS)
def test_published_means_are_met_or_the_engine_declines(model, engine):
    found = sampled(model, engine)
    if {f.code for f in found.findings if f.level != "info"} & DECLINED:
        assert engine != "auto"
        return
    for name, (mean, error, square) in PUBLISHED[model].items():
        s = found.summary[name]
        sd = s.sd if square is None else (square - mean**2) ** 0.5  # K_m's has a tail that few samples show
        assert abs(s.mean - mean) < 5 * np.hypot(error, sd / s.ess_bulk**0.5), name


def integrated() -> dict[str, tuple[float, float]]:
    """Means and sds of eight schools: given tau all else is Gaussian, and tau is one number."""
    tau = np.tan(np.pi / 2 * (np.arange(20_000) + 0.5) / 20_000) * 5  # quantiles of its prior
    variance = ERROR**2 + tau[:, None] ** 2
    precision = 1 / 25 + np.sum(1 / variance, 1)
    mean = np.sum(EFFECT / variance, 1) / precision
    log = -0.5 * np.sum(np.log(variance), 1) - 0.5 * np.log(precision)
    log -= 0.5 * (np.sum(EFFECT**2 / variance, 1) - mean**2 * precision)
    weight = np.exp(log - log.max()) / np.sum(np.exp(log - log.max()))

    def overall(m, v):
        centre = weight @ m
        return float(centre), float(np.sqrt(weight @ (v + (m - centre) ** 2)))

    keep = tau[:, None] ** 2 / variance  # how far a school stands by its own effect
    moments = {"mu": overall(mean, 1 / precision), "tau": overall(tau, np.zeros_like(tau))}
    for i in range(8):
        k = keep[:, i]
        spread = k * ERROR[i] ** 2 + (1 - k) ** 2 / precision
        moments[f"theta[{i}]"] = overall(k * EFFECT[i] + (1 - k) * mean, spread)
    return moments


def test_the_integral_is_the_published_posterior():
    exact = integrated()
    for name, (mean, error, _) in PUBLISHED["eight schools"].items():
        assert abs(exact[name][0] - mean) < 5 * error, name


@pytest.mark.parametrize("engine", ["auto", "nuts"])
def test_eight_schools_are_met_to_their_last_digit(engine):
    found = sampled("eight schools", engine)
    assert not [f for f in found.findings if f.level != "info"]
    for name, (mean, sd) in integrated().items():
        s = found.summary[name]
        assert abs(s.mean - mean) < 5 * sd / s.ess_bulk**0.5, name
        assert s.sd == pytest.approx(sd, rel=0.1), name
