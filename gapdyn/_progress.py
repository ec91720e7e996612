"""One progress bar: on stderr, in a terminal or a notebook, silent anywhere else."""

from __future__ import annotations

import sys
from typing import Any


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and type(instance).__name__ == "ZMQInteractiveShell"


def progress_bar(total: int, what: str, show: bool | None = None) -> Any:
    """A tqdm bar; `show` None means where somebody is looking (a terminal or a notebook)."""
    from tqdm import tqdm

    visible = (sys.stderr.isatty() or _in_notebook()) if show is None else show
    return tqdm(total=total, desc=what, disable=not visible, file=sys.stderr, leave=False, mininterval=0.2)
