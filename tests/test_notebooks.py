"""Every notebook runs from top to bottom; each ends by asserting what it claims."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

# many laws, every engine, every law, pooling by NUTS: minutes
LONG = ("02_laws_and_forcings", "03_engines", "04_which_law", "08_a_fleet_of_runs")
NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.slow] if p.stem in LONG else []) for p in NOTEBOOKS],
    ids=[p.stem for p in NOTEBOOKS],
)
def test_notebook_runs(path: Path):
    notebook = nbformat.read(path, as_version=4)
    assert "assert" in notebook.cells[-1].source
    where = {"metadata": {"path": path.parent}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    shown = [o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    makers = ("gd.plots.", "plt.show()")
    plotted = [c for c in notebook.cells if c.cell_type == "code" and any(m in c.source for m in makers)]
    assert len(shown) == len(plotted), "a figure is shown once, for every call that makes one"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_outputs_are_of_this_notebook(path: Path):
    """Readers see the outputs on the web: they are stored, complete, and without errors."""
    notebook = nbformat.read(path, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert not [o for c in code for o in c.outputs if o.output_type == "error"]
    assert not [o for c in code for o in c.outputs if o.get("text", "").startswith("\r")], "a progress bar's lines"
