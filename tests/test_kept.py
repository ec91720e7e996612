"""Programs kept between processes: found again by the same program in another process, and by no other."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn import _kept
from gapdyn._kept import Nameless, kept, said
from gapdyn.inference._held import Held
from gapdyn.inference._model import prepare
from gapdyn.inference._target import target

FIT = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
import gapdyn as gd
from gapdyn.inference import _model
if sys.argv[2] == "untraced":
    def errors_about(*args): raise AssertionError("traced")
    _model.Model.errors_about = errors_about
run = gd.datasets.learning()
backtest = gd.backtest(run, gd.laws.relaxing_verifier(), origins=[10], key=0)
print(json.dumps(backtest.to_dict()["origins"]))
"""


def fitted(folder, tracing, seed):
    done = subprocess.run(
        [sys.executable, "-c", FIT, str(folder), tracing],
        capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_a_second_process_traces_no_model(tmp_path):
    first = fitted(tmp_path, "traced", "1")
    assert isinstance(first, list), first
    assert fitted(tmp_path, "untraced", "2") == first  # whatever the hash seed
    for file in (tmp_path / _kept.FOLDER).iterdir():
        file.unlink()
    assert "traced" in fitted(tmp_path, "untraced", "2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which programs of this process are kept."""
    values = {**jax.config.values, "jax_compilation_cache_dir": str(tmp_path)}
    monkeypatch.setattr(type(jax.config), "values", property(lambda _: values))
    return tmp_path


def jitted():
    """A program without a past, and how often it was traced."""
    traced = []

    def power(n, x):
        traced.append(n)
        return {"power": x["base"] ** n}, (x["base"] + 1,)

    return jax.jit(kept(power, (0,)), static_argnums=0), traced


def test_what_is_kept_is_what_is_computed(folder):
    for times in (1, 0):  # the second finds it
        power, traced = jitted()
        value, (more,) = power(3, {"base": jnp.asarray([2.0, 3.0])})
        assert np.array_equal(value["power"], [8, 27])
        assert np.array_equal(more, [3, 4])
        assert len(traced) == times
    assert len(list((folder / _kept.FOLDER).iterdir())) == 1


@pytest.mark.parametrize("other", ["static", "shape", "type", "structure", "source"])
def test_another_program_is_not_found(folder, other, monkeypatch):
    power, traced = jitted()
    power(3, {"base": jnp.asarray([2.0, 3.0])})
    power, traced = jitted()
    n, base = (2 if other == "static" else 3), jnp.asarray([2.0, 3.0])
    base = {"shape": base[:1], "type": base.astype(jnp.float32)}.get(other, base)
    if other == "source":
        monkeypatch.setattr(_kept, "_source", lambda: "edited")
    value, _ = power(n, {"base": base} | ({"more": base} if other == "structure" else {}))
    assert np.array_equal(value["power"], np.asarray(base) ** n)
    assert len(traced) == 1


@pytest.mark.parametrize("harm", [b"", b"nonsense", None])
def test_a_file_that_is_not_whole_is_made_anew(folder, harm):
    power, _ = jitted()
    power(3, {"base": jnp.ones(2)})
    (file,) = (folder / _kept.FOLDER).iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if harm is None else harm)
    power, traced = jitted()
    value, _ = power(3, {"base": jnp.asarray([2.0, 3.0])})
    assert np.array_equal(value["power"], [8, 27])
    assert len(traced) == 1
    assert file.read_bytes() == whole


def test_where_nothing_can_be_written_nothing_is_kept(folder):
    (folder / _kept.FOLDER).write_text("a file is in the way")
    power, traced = jitted()
    value, _ = power(3, {"base": jnp.asarray([2.0, 3.0])})
    assert np.array_equal(value["power"], [8, 27])
    assert len(traced) == 1
    assert [f.name for f in folder.iterdir()] == [_kept.FOLDER]


def test_gapdyns_source_is_part_of_the_name(monkeypatch, tmp_path):
    _kept._source.cache_clear()
    before = _kept._source()
    copy = tmp_path / "gapdyn"
    copy.mkdir()
    for file in Path(_kept.__file__).parent.glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(_kept, "__file__", str(copy / "_kept.py"))
    names = [before]
    for edit in ("", "\n# edited"):
        (copy / "_versions.py").write_text((copy / "_versions.py").read_text() + edit)
        _kept._source.cache_clear()
        names.append(_kept._source())
    _kept._source.cache_clear()
    assert len(set(names)) == 3


def test_code_from_elsewhere_has_no_name():
    class Mine(dist.Normal):
        """A prior of the user's own."""

    run = gd.datasets.learning()
    law = gd.laws.shared_rate()
    mine = dataclasses.replace(law, build=lambda values: law.build(values))
    for spec, prior in ((mine, None), (law, {"u_s0": Mine(0.0, 1.0)})):
        model, obs, _ = prepare(run, spec, prior=prior)
        with pytest.raises(Nameless):
            said((target(model, obs), jax.tree.structure(obs)))
    with pytest.raises(Nameless):
        said(lambda x: x)


def name_of(law):
    model, obs, _ = prepare(gd.datasets.learning(), law)
    return said((target(model, obs), jax.tree.structure(obs)))


@pytest.mark.parametrize("home", ["laws", "curves"])
def test_every_law_has_a_name_of_its_own(home):
    makers = gd.laws.ALL_LAWS if home == "laws" else gd.curves.ALL_CURVES
    needed = {"lr_clock": {"times": [0, 10], "lr": [1, 0.1]}}
    assert len({name_of(make(**needed.get(name, {}))) for name, make in makers.items()}) == len(makers)


def test_a_forcing_is_part_of_the_name():
    at = gd.forcings.Schedule([5.0, 10.0], [1.0, 1.0], 24.0)
    forced = [gd.laws.relaxing_verifier(forcing=make(at)) for make in gd.forcings.ALL_FORCINGS.values()]
    assert len({name_of(law) for law in (gd.laws.relaxing_verifier(), *forced)}) == len(forced) + 1


def test_priors_of_another_kind_have_another_name():
    trees = [
        jax.tree.structure(Held(prior))
        for prior in (dist.Normal(0, 1), dist.Cauchy(0, 1), dist.LogNormal(0, 1), dist.TruncatedNormal(0, 1, low=0))
    ]
    assert len({said(tree) for tree in trees}) == 4
