"""A table in a file of a user: CSV of any separator and encoding, Excel or Parquet."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from ..utils.versions import needing
from ..utils.warn import warn
from .written import read_written

_COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_DELIMITED, _EXCEL = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm")
_SEPARATORS = ",;\t|"
# The separator is found in so many characters and lines.
_SAMPLE, _N_LINES = 100_000, 200


def read_user_file(path: Path) -> pd.DataFrame:
    """Read a table, with numbers and booleans that are written as text.

    Parameters
    ----------
    path : Path
        A file of CSV, which may be compressed, of Excel, or of Parquet.

    Returns
    -------
    DataFrame
        The table.

    Raises
    ------
    ValueError
        If the file is none of these.
    ImportError
        If the package that reads Excel or Parquet is not installed.
    """
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in _COMPRESSED]
    ending = endings[-1] if endings else ""
    if ending in _DELIMITED:
        table, separator = _read_delimited(path)
        # Where the comma is the decimal mark, spreadsheets separate by semicolons.
        return read_written(table, "," if separator == ";" else ".")
    if ending in _EXCEL:
        with needing("Files of Excel need openpyxl", "excel"):
            table = pd.read_excel(path, engine="openpyxl")
    elif ending == ".parquet":
        with needing("Files of Parquet need pyarrow", "parquet"):
            table = pd.read_parquet(path)
    else:
        raise ValueError(
            f"{path} ends in {path.suffix!r}: the file must be CSV or Parquet, or Excel (.xlsx)."
        )
    return read_written(_drop_unnamed(table))


def _read_delimited(path: Path) -> tuple[pd.DataFrame, str]:
    """Read CSV, all as text; return it with its separator."""
    text = _read_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    # Excel accepts, and some programs write, such a line before the header.
    if named := re.match(r'"?sep=(.)"?\r?\n', text):
        text = text[named.end() :]
    separator = named[1] if named else _find_separator(text)
    options: dict[str, Any] = {"sep": separator, "dtype": str, "skipinitialspace": True}
    table = pd.read_csv(io.StringIO(text), **options)
    # Rows have a value more than the header: a name of the row, or nothing after the separator.
    if not isinstance(table.index, pd.RangeIndex):
        if table.iloc[:, -1].isna().all():
            names = list(table.columns)
            table = table.reset_index().iloc[:, :-1].set_axis(names, axis=1)
        table = table.reset_index(drop=True)
    return _drop_unnamed(table.rename(columns=str.strip)), separator


def _read_text(path: Path) -> str:
    """Return the text of a file, which may be compressed."""
    import fsspec

    with fsspec.open(str(path), "rb", compression="infer") as file:
        content = file.read()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The encoding of Western Windows; what it lacks becomes a question mark.
        return content.decode("cp1252", errors="replace")


def _find_separator(text: str) -> str:
    """Return what divides the header and most lines into the same number of values."""
    best, found = (0.0, 0), ","
    for separator in _SEPARATORS:
        rows = csv.reader(io.StringIO(text[:_SAMPLE], newline=""), delimiter=separator)
        lengths = [len(row) for _, row in zip(range(_N_LINES), rows, strict=False) if row]
        (n_values, n_lines), *_ = Counter(lengths).most_common(1)
        if min(lengths[0], n_values) > 1:
            best, found = max((best, found), ((n_lines / len(lengths), n_values), separator))
    return found


def _drop_unnamed(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns without a name that are empty, or number the rows."""
    for name in table.columns:
        if not re.fullmatch(r"Unnamed: \d+", str(name)):
            continue
        numbers = pd.to_numeric(table[name], errors="coerce")
        if table[name].isna().all():
            table = table.drop(columns=name)
        elif (numbers.diff().iloc[1:] == 1).all():
            warn("A column without a name numbers the rows: it is left out.")
            table = table.drop(columns=name)
    return table
