"""README's code runs, its commands are the ones that CI runs, its glossary is the sites table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gapdyn as gd
from gapdyn.inference import SITES
from gapdyn.inference._sites import is_noise

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


LONG = ("pooling=", "gd.compare(")  # of which one call takes a minute


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_python_blocks_run(every, tmp_path):
    """In order in one process, as a reader would paste them; `run.csv` is a bundled run."""
    long = [block for block in blocks("python") if any(call in block for call in LONG)]
    assert len(long) == len(LONG)
    chosen = [block for block in blocks("python") if every or block not in long]
    code = "import gapdyn as gd\ngd.write_run(gd.datasets.inner_learning(), 'run.csv')\n" + "\n".join(chosen)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ceiling of inner_learning" in done.stdout


def test_the_two_commands_stand_first_and_ci_runs_the_second():
    first = blocks("bash")[0].strip().splitlines()
    assert len(first) == 2
    assert "gapdyn demo" in first[0]
    assert first[1] in (ROOT / ".ci" / "run").read_text()


def test_shell_commands_name_real_options():
    from gapdyn.cli._parser import build

    parser = build()
    for line in "\n".join(blocks("bash")[1:]).splitlines():
        if line.startswith("gapdyn "):
            parser.parse_args(line.split("#")[0].replace("'", "").split()[1:])


GLOSSARY = [name for name in SITES if f"\n| `{name}` | {SITES[name].symbol} |" in README]


def test_glossary_has_the_papers_law_and_every_error():
    law = {*gd.laws.shared_rate().names}
    assert law | {name for name in SITES if is_noise(name)} == set(GLOSSARY)


def test_the_table_of_laws_is_the_librarys():
    for name, law in gd.laws.all().items():
        own = [p for p in law.example if p not in gd.laws.shared_rate().example]
        cells = (f"`{name}`", law.equation.replace("|", "\\|"), ", ".join(f"`{p}`" for p in own))
        assert f"| {' | '.join(cells)} |" in README


@pytest.mark.parametrize("name", GLOSSARY)
def test_glossary_is_the_sites_table(name):
    site = SITES[name]
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    assert [c.strip() for c in row.strip("|").split("|")][1:] == [site.symbol, site.meaning, site.support, site.prior]


def test_links_point_at_files():
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
