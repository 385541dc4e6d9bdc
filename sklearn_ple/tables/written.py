"""Numbers and booleans that a table holds as text, as people and spreadsheets write them."""

import re

import numpy as np
import pandas as pd

from ..utils.checks import shown
from ..utils.warn import warn
from .plausibility import MISSING

# Text is numbers if so great a share of it is.
_NEARLY_ALL = 0.95
# Words for no and yes, in English and other European languages.
_NO_YES = [
    ("no", "yes"),
    ("n", "y"),
    ("false", "true"),
    ("f", "t"),
    ("off", "on"),
    ("nein", "ja"),
    ("n", "j"),
    ("falsch", "wahr"),
    ("non", "oui"),
    ("faux", "vrai"),
    ("no", "si"),
    ("no", "sí"),
    ("falso", "vero"),
    ("não", "sim"),
    ("nie", "tak"),
    ("nej", "ja"),
    ("nee", "ja"),
]
_MONEY = (
    r"[€$£¥₹₩₽₺]|(?i:EUR|USD|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|CZK|INR|BRL|kr\.?|Fr\.|Rs\.?|zł)"
)
_PARTS = re.compile(
    rf"(?P<sign>[+\-−]?)\s*(?P<before>{_MONEY})?\s*(?P<second>[+\-−]?)"
    r"(?P<number>[.,]?\d(?:[\d.,'’]|\s(?=\d))*(?:[eE][+-]?\d+)?)\s*"
    rf"(?P<after>{_MONEY}|[%‰]|°?[^\W\d_]{{1,12}}[²³]?(?:/[^\W\d_]{{1,12}}[²³]?)?|°)?"
)
# What has three digits after each mark of thousands, which is the same throughout.
_FORMS = {
    mark: re.compile(
        rf"(?:[1-9]\d{{0,2}}(?P<mark>[{other}\s'’])\d{{3}}(?:(?P=mark)\d{{3}})*|\d+)?"
        rf"(?:{re.escape(mark)}\d*)?(?:[eE][+-]?\d+)?"
    )
    for mark, other in ((".", ","), (",", "."))
}


def read_written(table: pd.DataFrame, decimal: str = ".") -> pd.DataFrame:
    """Turn columns of text that hold numbers or booleans into numbers or booleans.

    Numbers may have a currency or a unit, the same for all, and marks of thousands. Booleans are
    two words such as "yes" and "no". Numbers with leading zeros are codes, and stay text.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The table.
    decimal : {".", ","}, default="."
        The decimal mark of columns such as "1,234", which may be read in two ways. It is not used
        if another column can be read with one of both marks only, which then holds for all.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        The table with the columns that could be read. Of a column that is nearly all numbers, what
        is none becomes missing, with a warning.
    """
    table = table.copy()
    written = {}
    for place in range(table.shape[1]):
        column = _strip(table.iloc[:, place])
        if column is None:
            continue
        table.isetitem(place, column)
        if not column.notna().any():
            continue
        booleans = _read_booleans(column)
        if booleans is not None:
            table.isetitem(place, booleans)
        else:
            written[place] = _WrittenNumbers(column)
    votes = [mark for numbers in written.values() if (mark := numbers.find_decimal())]
    if votes:
        decimal = max(_FORMS, key=votes.count)
    for place, numbers in written.items():
        table.isetitem(place, numbers.read(decimal, is_known=bool(votes)))
    return table


def _strip(column: pd.Series) -> pd.Series | None:
    """Return a column of text without blanks around it, or None if it is not text.

    A column without a value has missing numbers.
    """
    if not pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        return None
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "empty":
        return column.astype(float)
    stripped = column.str.strip() if kind == "string" else None
    return None if stripped is None else stripped.mask(stripped == "")


def _read_booleans(column: pd.Series) -> pd.Series | None:
    """Return the booleans of which a column has the words, or None."""
    words = column.str.casefold()
    distinct = set(words.dropna().unique())
    for no, yes in _NO_YES:
        if distinct == {no, yes}:
            booleans = words.map({no: False, yes: True})
            return booleans.astype("boolean" if booleans.isna().any() else bool)
    return None


class _WrittenNumbers:
    """A column of text whose distinct values are read with either decimal mark."""

    def __init__(self, column: pd.Series) -> None:
        self._column = column
        counts = column.value_counts()
        self._counts = counts[~counts.index.str.casefold().isin(MISSING)]
        texts = self._counts.index
        self._is_code = any(re.fullmatch(r"0\d+", text) for text in texts)
        self._read = _read_plain(texts) or _read_parts(self._counts)

    def find_decimal(self) -> str | None:
        """Return the decimal mark if only one can be right."""
        point, comma = map(self._count, _FORMS)
        if self._is_code or point == comma or not self._is_nearly_all(max(point, comma)):
            return None
        return "." if point > comma else ","

    def read(self, decimal: str, is_known: bool) -> pd.Series:
        """Return the numbers, or the text if it is none.

        Unless the mark is known, the point in 1.234 is decimal.
        """
        mark = self.find_decimal()
        if mark is None:
            has_comma = self._counts.index.str.contains(",").any()
            mark = decimal if is_known or has_comma else "."
        if self._is_code or not self._is_nearly_all(self._count(mark)):
            return self._column
        values = self._read[mark]
        if len(unread := self._counts.drop(values.index)):
            name = shown(self._column.name)
            warn(
                f"Column {name} holds numbers, but also {shown(unread.index[0])} and the like in "
                f"{unread.sum()} of {len(self._column)} rows: there its values are missing.",
                about=f"X[{name}]",
            )
        numbers = self._column.map(values)
        # Whole numbers may be classes.
        is_whole = values.dtype.kind == "i" and numbers.isna().any()
        return numbers.astype("Int64") if is_whole else numbers

    def _count(self, mark: str) -> int:
        """Count the rows that are numbers with a decimal mark."""
        return int(self._counts[self._read[mark].index].sum())

    def _is_nearly_all(self, n_read: int) -> bool:
        return n_read > 0 and n_read >= _NEARLY_ALL * self._counts.sum()


def _read_plain(texts: pd.Index) -> dict[str, pd.Series] | None:
    """Read numbers by pandas, which is fast, if it can read all and there is one way only."""
    numbers = pd.Series(pd.to_numeric(texts, errors="coerce"), index=texts)
    if not len(texts) or not np.isfinite(numbers).all():
        return None
    if numbers.dtype.kind in "iu":
        return dict.fromkeys(_FORMS, numbers)
    if all(_FORMS[","].fullmatch(text.lstrip("+-")) for text in texts):
        return None
    return {".": numbers, ",": numbers[:0]}


def _read_parts(counts: pd.Series) -> dict[str, pd.Series]:
    """Read numbers with either decimal mark, of those texts that are numbers by it."""
    found = {text: _PARTS.fullmatch(text) for text in counts.index}
    matches = {text: match for text, match in found.items() if match}
    if not matches:
        return dict.fromkeys(_FORMS, pd.Series(dtype=float))
    units = pd.Series({t: _join(m, "before", "after").casefold() for t, m in matches.items()})
    is_alike = _find_alike(units, counts)
    read = {}
    for mark, form in _FORMS.items():
        plain = {
            text: _join(match, "sign", "second").replace("−", "-") + _clean(match["number"], mark)
            for text, match in matches.items()
            if is_alike[text] and form.fullmatch(match["number"])
        }
        read[mark] = pd.to_numeric(pd.Series(plain, dtype=object))
    return read


def _find_alike(units: pd.Series, counts: pd.Series) -> pd.Series:
    """Return which values have the most frequent unit.

    Values without any are alike if it is a currency or per cent. Others, such as "k" for
    thousands, may change the number.
    """
    rows = counts[units.index].groupby(units).sum()
    named = rows.drop("", errors="ignore")
    if len(named) and re.fullmatch(rf"{_MONEY}|[%‰]", str(named.idxmax())):
        return units.isin(["", named.idxmax()])
    return units == rows.idxmax()


def _join(match: re.Match[str], *names: str) -> str:
    return "".join(match[name] or "" for name in names)


def _clean(number: str, mark: str) -> str:
    """Return a number without marks of thousands, with a decimal point."""
    other = "," if mark == "." else "."
    return re.sub(rf"[{other}\s'’]", "", number).replace(mark, ".")
