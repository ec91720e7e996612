"""`Fleet`: runs that are fitted together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .._check import InputError
from ._run import Run
from ._text import listing, show, suggest


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Fleet:
    """Runs fitted together, in order, each under its own name.

    Parameters
    ----------
    runs
        At least one `Run`; any iterable, stored as a tuple. Clocks and units may differ.
    left_out
        Name -> reason of runs of the same log that cannot be read, see `read_fleet`.

    Raises
    ------
    InputError
        If there is no run, if two share a name, or if something is not a `Run`.

    Examples
    --------
    >>> fleet = Fleet([Run("a", [0, 1], u_s=[2, 1]), Run("b", [0, 1], u_s=[3, 1])])
    >>> fleet.names
    ('a', 'b')
    >>> fleet["b"].u_s
    array([3., 1.])
    """

    runs: tuple[Run, ...]
    left_out: Mapping[str, str]

    def __init__(self, runs: Iterable[Run], left_out: Mapping[str, str] | None = None) -> None:
        if isinstance(runs, Run) or not isinstance(runs, Iterable):
            raise InputError(f"a fleet is made from a list of runs, not {show(runs)}. Write Fleet([run]).")
        every = tuple(runs)
        if not every:
            raise InputError("a fleet needs at least one run; none was given.")
        for i, run in enumerate(every):
            if not isinstance(run, Run):
                raise InputError(f"runs[{i}] of the fleet is {show(run)}, not a Run.")
        twice = [name for name, count in Counter(run.name for run in every).items() if count > 1]
        if twice:
            remedy = "Rename them with dataclasses.replace(run, name=...)."
            raise InputError(f"a fleet needs one name per run; these repeat: {listing(twice)}. {remedy}")
        object.__setattr__(self, "runs", every)
        object.__setattr__(self, "left_out", MappingProxyType(dict(left_out or {})))
        object.__setattr__(self, "_by_name", {run.name: run for run in every})

    def __reduce__(self):  # a read-only mapping cannot be pickled
        return Fleet, (self.runs, dict(self.left_out))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the runs, in order."""
        return tuple(run.name for run in self.runs)

    def __getitem__(self, name: str) -> Run:
        """The run of that name; an unknown name is an `InputError` that lists the known ones."""
        by_name: dict[str, Run] = self.__dict__["_by_name"]
        if not isinstance(name, str) or name not in by_name:
            raise InputError(f"the fleet has no run {show(name)}. {suggest(str(name), by_name)}")
        return by_name[name]

    def __contains__(self, item: object) -> bool:
        """Whether a run, or a run of that name, is in the fleet."""
        return item in self.__dict__["_by_name"] if isinstance(item, str) else item in self.runs

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.runs)

    def __repr__(self) -> str:
        count = "1 run" if len(self) == 1 else f"{len(self)} runs"
        return f"Fleet({count}: {listing(self.names, 5)})"
