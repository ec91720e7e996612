"""`gapdyn compare`."""

from __future__ import annotations

import argparse
from typing import Any

from . import _request
from ._output import asked_folder, say, to_json, write_files
from ._setup import set_up_jax, workers
from ._words import reworded

FILES = ("compare.json", "ceilings.png")


def run(arguments: argparse.Namespace) -> int:
    """Weigh rival laws by what they foretold, and print the ceiling over them."""
    measured = _request.read(arguments)
    with asked_folder(arguments.out, FILES, arguments.overwrite) as folder:
        set_up_jax()
        from ..criticism import compare, information
        from ..decide import ceiling

        compared = compare(measured, _request.rivals(arguments), key=arguments.seed, workers=workers())
        later = information(compared, arguments.more, key=arguments.seed) if arguments.more else None
        limit = ceiling(compared) if any(fit.has_limit for fit in compared.fits.values()) else None
        found = reworded(limit.findings if limit else compared.findings)
        report = {**compared.to_dict(), "ceiling": limit.to_dict() if limit else None,
                  **({"information": later.to_dict()} if later else {}),
                  "findings": [f.to_dict() for f in found]}  # fmt: skip
        try:
            if folder:
                write_files(folder, _makers(report, limit), arguments.overwrite)
        finally:  # a full disk shall not cost the result
            tables = [compared.table(), *([str(later)] if later else [])]
            tables.append(limit.table() if limit else "None of these laws has a limit.")
            print(to_json(report) if arguments.json else "\n\n".join(tables))
            for finding in found:
                say(str(finding))
    return 0


def _makers(report: dict[str, Any], limit: Any) -> dict[str, Any]:
    from .. import plots

    makers: dict[str, Any] = {
        "compare.json": lambda path: path.write_text(to_json(report) + "\n", encoding="utf-8"),
        "ceilings.png": lambda path: plots.save(plots.ceilings(limit), path),
    }
    if limit is None:
        del makers["ceilings.png"]
    return makers
