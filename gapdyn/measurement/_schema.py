"""The columns of a samples table, in one table: one row per generated response.

Readers, checks and the documentation take their names, limits and words from here.
"""

from __future__ import annotations

import re

from ..data._columns import RUN, TIME, Column

VERSION = 1  # of the schema below; it changes when a column changes its meaning

PROMPT = Column("prompt_id", "which prompt, the same at every checkpoint; a text or a whole number", "-", text=True)
SAMPLE = Column("sample_id", "which of the prompt's responses; the first of them is the lowest", "-", text=True)
ANSWER = Column("answer", "the final answer, for counts of distinct ones", "-", text=True)
NLL = Column(
    "nll", "uncertainty of the response: -log p(y|x), summed over its tokens", "nats", low=0,
    advice="It is minus a log-probability; turn the sign round.",
)  # fmt: skip
N_TOKENS = Column("n_tokens", "length of the response; 0 leaves the row out", "tokens", low=0)
SCORE = Column(
    "score", "how good the verifier says it is", "1", low=0, high=1,
    advice="Divide by the largest score that there is.",
)  # fmt: skip
CORRECT = Column("correct", "whether it is right: 0 or 1, true or false", "-", low=0, high=1)

UNCERTAINTY = (NLL, N_TOKENS)  # both of them must be there, or CORRECT
NUMBERS = (NLL, N_TOKENS, SCORE, CORRECT)
SAMPLES = (RUN, TIME, PROMPT, SAMPLE, *NUMBERS, ANSWER)
SAMPLE_NAMES = tuple(column.name for column in SAMPLES)
_OTHER = re.compile(r"score_\w+")


def is_score(name: str) -> bool:
    """Whether a column holds a verifier's scores: `score`, or `score_` and the verifier's name."""
    return name == SCORE.name or bool(_OTHER.fullmatch(name))


def sample_table() -> str:
    """The columns of a samples table as Markdown: column, meaning, unit, allowed values.

    Examples
    --------
    >>> print(sample_table().splitlines()[4])
    | `prompt_id` (required) | which prompt, the same at every checkpoint; a text or a whole number | - | text |
    """
    rows = ["| column | meaning | unit | allowed |", "|---|---|---|---|"]
    for c in SAMPLES:
        needed = "required" if c in (TIME, PROMPT) else "or `correct`" if c in UNCERTAINTY else ""
        name = f"`{c.name}` ({needed})" if needed else f"`{c.name}`"
        rows.append(f"| {name} | {c.meaning.replace('|', chr(92) + '|')} | {c.unit} | {c.allowed} |")
        if c is SCORE:
            rows.append(f"| `score_<verifier>` | the same, by another verifier | 1 | {c.allowed} |")
    return "\n".join(rows)
