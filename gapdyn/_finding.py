"""Findings: what was seen in a result, and what to do about it."""

from __future__ import annotations

import abc
import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing a user should know about a result.

    Attributes
    ----------
    level : "info", "warning" (read with care) or "error" (do not use the numbers).
    code : short stable name, for programs.
    text : what was seen, with the figures.
    remedy : what to do.
    """

    level: str
    code: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"[{self.level}] {self.code}: {self.text} {self.remedy}"

    def to_dict(self) -> dict[str, str]:
        """A plain dict, for JSON."""
        return dataclasses.asdict(self)


class AbstractResult(abc.ABC):
    """A result that prints itself: its table, then its findings."""

    findings: tuple[Finding, ...]

    @abc.abstractmethod
    def table(self) -> str:
        """The result as a table, without the findings."""

    def __str__(self) -> str:
        return "\n".join([self.table(), *(str(f) for f in self.findings)])
