"""CSV and TSV to `Table`, with the standard library's reader: line numbers matter more than speed."""

from __future__ import annotations

import csv
import io

from .._check import InputError
from ._files import Location, decode, read_bytes
from ._table import Table, clean_header
from ._text import show

_USUAL = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def read_csv(location: Location, delimiter: str | None) -> Table:
    """Read a delimited file with a header row; rows without any content are skipped.

    Raises
    ------
    InputError
        If the text is not UTF-8, if quotes do not close, if the delimiter is evidently another one, if
        column names repeat, if a row has too many or too few cells, or if there is no row.
    """
    source = str(location.path)
    comma = delimiter or ("\t" if location.format == "tsv" else ",")
    if len(comma) != 1 or comma in '"\r\n':
        raise InputError(f"delimiter must be one character, such as ',' or ';'; it is {show(delimiter)}.")
    text = decode(location.path, read_bytes(location))
    rows: list[list[str]] = []
    lines: list[int] = []
    # strict: else a quote that never closes swallows the rest of the file without a word
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        remedy = "Check the quotes there."
        raise InputError(f"{source}, line {reader.line_num}: not valid CSV: {error}. {remedy}") from None
    if not rows:
        raise InputError(f"{source}: the file is empty. Was the run logged to another place?")
    header, body = rows[0], rows[1:]
    _check_delimiter(source, header, comma)
    names = clean_header(source, header)
    for row, line in zip(body, lines[1:], strict=True):
        if len(row) != len(names):
            remedy = "Quote cells that contain the delimiter, and leave cells empty rather than out."
            raise InputError(f"{source}, line {line}: {len(row)} cells, but {len(names)} columns. {remedy}")
    if not body:
        raise InputError(f"{source}: has a header but no rows. A run needs at least 2 checkpoints.")
    columns = dict(zip(names, map(list, zip(*body, strict=True)), strict=True))
    return Table(source, columns, location.stem, source, lines[1:])


def _check_delimiter(source: str, header: list[str], comma: str) -> None:
    if len(header) > 1:
        return
    for other, word in _USUAL.items():
        if other != comma and other in header[0]:
            seen = f"the header is one column, {show(header[0])}, and seems to be split by a {word}"
            raise InputError(f"{source}: {seen}. Pass delimiter={other!r}.")
