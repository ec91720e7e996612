"""NUTS by BlackJAX: chains vmapped, warm-up and sampling in one compiled step.

BlackJAX's own `window_adaptation` followed by a sampling loop compiles the NUTS kernel twice. Here one scan does both
(the schedule says, for each step, whether step size and mass matrix still adapt), which halves the time to the first
draw. It is called in blocks of equal length, so that progress can be shown and an interrupt is felt.

Chains begin about modes, with the modes' covariances for a metric: from random points with a guess of the variances,
the first hundred steps took more evaluations than all that followed.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.adaptation.mass_matrix import mass_matrix_adaptation
from blackjax.adaptation.step_size import dual_averaging_adaptation
from blackjax.adaptation.window_adaptation import build_schedule
from blackjax.mcmc import nuts

from ..._compile import quick_jit
from ..._progress import progress_bar
from ..._random import as_key, generator, split
from ._first import best_starts
from ._mixture import factor_of
from ._newton import climb
from ._result import Sampled
from ._target import Start, Target

FAST, SLOW, DRAW = 0, 1, 2
BLOCK = 100
MAX_DEPTH = 10
DENSE = 40  # numbers up to which a window's draws can tell a whole covariance; of more, variances alone
APART = 1.5  # of the curvature's sds that chains begin from their modes
HALVES = 2  # of the chains, on a processor: the step is many small operations, which one core takes one by one


def run(
    settings: Any, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None, start: Start | None = None
) -> Sampled:
    """Sample the posterior with the settings of `NUTS`, from what is known of it or from the best of random points."""
    began = time.perf_counter()
    k_start, k_steps = split(key, 2)
    start = start or _found(target, args, settings.chains, k_start)
    schedule = _schedule(settings.warmup, settings.draws)
    total, chains = len(schedule), len(start.x)
    halves = HALVES if jax.default_backend() == "cpu" and chains % HALVES == 0 else 1
    state = _begin(start, settings.target_acceptance)
    states = [jax.tree.map(lambda a, c=c: a[c], state) for c in np.split(np.arange(chains), halves)]
    keys = np.split(jax.random.split(as_key(k_steps), (total, chains)), halves, axis=1)
    collected: list[Any] = []
    first = 0.0

    def advanced(half: int, at: int) -> tuple[_Carry, _Step]:
        block = slice(at, at + BLOCK)
        done = _advance(target, settings.target_acceptance, states[half], keys[half][block], schedule[block], args)
        return jax.tree.map(np.asarray, done)

    with progress_bar(total, "compiling", progress) as bar, ThreadPoolExecutor(halves) as pool:
        for at in range(0, total, BLOCK):
            in_turn = pool.map if at else map  # the first half compiles what both run
            done = list(in_turn(advanced, range(halves), [at] * halves))
            states = [state for state, _ in done]
            if at >= _first_kept(settings.warmup):
                collected.append(jax.tree.map(lambda *x: np.concatenate(x, 1), *(out for _, out in done)))
            first = first or time.perf_counter() - began
            bar.set_description("sampling", refresh=False)
            bar.update(BLOCK)
    steps: _Step = jax.tree.map(lambda *x: np.concatenate(x), *collected)
    kept = settings.draws  # the blocks may begin with the last steps of the warm-up
    x = np.swapaxes(steps.position[-kept:], 0, 1)
    x = target.collapsed(args).back(x.reshape(-1, target.size)).reshape(x.shape)
    stats = {
        "diverging": steps.diverging[-kept:].T,
        "energy": steps.energy[-kept:].T,
        "n_steps": steps.n_steps[-kept:].T,
        "acceptance": steps.acceptance[-kept:].T,
        "max_depth": steps.depth[-kept:].T >= MAX_DEPTH,
    }
    seconds = {"first_block": first, "sampling": time.perf_counter() - began - first}
    return Sampled(x, stats, seconds=seconds)


def _first_kept(warmup: int) -> int:
    return warmup // BLOCK * BLOCK


def _schedule(warmup: int, draws: int) -> np.ndarray:
    """(steps, 2): stage and whether a window ends; padded in front to whole blocks with fast adaptation."""
    plan = [(stage, int(ends)) for stage, ends in build_schedule(warmup)] + [(DRAW, 0)] * draws
    pad = -len(plan) % BLOCK
    return np.asarray([(FAST, 0)] * pad + plan, np.int32)


class _Adaptation(NamedTuple):
    step: Any
    mass: Any


class _Carry(NamedTuple):
    position: Any
    adaptation: _Adaptation
    step_size: Any


class _Step(NamedTuple):
    position: Any
    diverging: Any
    energy: Any
    n_steps: Any
    acceptance: Any
    depth: Any


def _density(target: Target, args: tuple[Any, ...]) -> Any:
    """What is sampled: levels that the rest gives are all but standard normal, and no valley to the sampler."""
    at = target.collapsed_log_density(args)
    return lambda x: at(x)[0]


def _first_variances(target: Target) -> np.ndarray:
    stated = dict(zip((n for n, _ in target.sites), target.variances, strict=False))
    rest = [np.full(math.prod(shape), stated.get(n, 1.0)) for n, shape in target.rest]
    return np.concatenate([*rest, np.ones(target.size - sum(map(len, rest)))])


def _found(target: Target, args: tuple[Any, ...], chains: int, seed: Any) -> Start:
    """Each chain's own start: about the mode uphill of the densest of random points, or that point where there is none.

    So chains are apart from one another, but not absurd, and those of several modes may begin in several.
    """
    random, values = generator(seed), target.collapsed(args).values
    x = best_starts(values, target.size, chains, random)
    variances = _first_variances(target)
    if target.size > DENSE:
        return Start(x, np.tile(variances, (chains, 1)))
    modes = climb(values, x)
    about = modes.x + APART * np.einsum("nij,nj->ni", factor_of(modes.covariance), random.standard_normal(x.shape))
    found = modes.converged & np.isfinite(values(about))
    metric = np.where(found[:, None, None], modes.covariance, np.diag(variances))
    return Start(np.where(found[:, None], about, x), metric)


def _begin(start: Start, acceptance: float) -> _Carry:
    x, metric = (np.asarray(a, jnp.result_type(float)) for a in start)
    size, diagonal = x.shape[1], x.shape[1] > DENSE
    if metric.ndim == 2 and not diagonal:
        metric = metric[:, :, None] * np.eye(size, dtype=x.dtype)
    da_init, _, _ = dual_averaging_adaptation(acceptance)
    mm_init, _, _ = mass_matrix_adaptation(is_diagonal_matrix=diagonal)
    step_size = jnp.asarray(1.0, x.dtype)
    one = (da_init(step_size), mm_init(size, jnp.asarray(metric[0])), step_size)
    # strongly typed, as the step returns them: a weak type would compile the step a second time
    step, mass, step_size = jax.tree.map(lambda a: np.repeat(np.asarray(a)[None], len(x), 0), one)
    return _Carry(x, _Adaptation(step, mass._replace(inverse_mass_matrix=metric)), step_size)


@quick_jit(static_argnums=0)
def _advance(target: Target, acceptance: Any, carry: Any, keys: Any, schedule: Any, args: tuple[Any, ...]) -> Any:
    density = _density(target, args)
    kernel: Any = nuts.build_kernel()
    da_init, da_update, da_final = dual_averaging_adaptation(acceptance)
    _, mm_update, mm_final = mass_matrix_adaptation(is_diagonal_matrix=target.size > DENSE)

    def adapt(carry: _Carry, acceptance: Any, stage: Any, window_ends: Any) -> _Carry:
        (step, mass), position = carry.adaptation, carry.position
        step = da_update(step, acceptance)
        mass = jax.lax.cond(stage == SLOW, lambda m: mm_update(m, position), lambda m: m, mass)
        step, mass = jax.lax.cond(
            window_ends == 1,
            lambda s, m: (da_init(da_final(s)), mm_final(m)),
            lambda s, m: (s, m),
            step,
            mass,
        )
        return _Carry(position, _Adaptation(step, mass), jnp.exp(step.log_step_size))

    def one_chain(both: tuple[_Carry, Any], key: Any, stage: Any, window_ends: Any) -> tuple[Any, _Step]:
        carry, state = both
        # once drawing starts, the step size is the averaged one and nothing adapts any more
        step_size = jnp.where(stage == DRAW, da_final(carry.adaptation.step), carry.step_size)
        mass = carry.adaptation.mass.inverse_mass_matrix
        state, info = kernel(key, state, density, step_size, mass, MAX_DEPTH)
        carry = carry._replace(position=state.position)
        carry = jax.lax.cond(
            stage == DRAW, lambda c: c, lambda c: adapt(c, info.acceptance_rate, stage, window_ends), carry
        )
        return (carry, state), _Step(
            state.position, info.is_divergent, info.energy, info.num_integration_steps, info.acceptance_rate,
            info.num_trajectory_expansions,
        )  # fmt: skip

    def step(both: Any, x: tuple[Any, Any]) -> tuple[Any, Any]:
        keys, plan = x
        return jax.vmap(one_chain, (0, 0, None, None))(both, keys, plan[0], plan[1])

    state = jax.vmap(lambda x: nuts.init(x, density))(carry.position)
    (carry, _), steps = jax.lax.scan(step, (carry, state), (keys, schedule))
    return carry, steps
