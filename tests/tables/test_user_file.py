"""Tables in files as strangers write them, and what `compare` says about them."""

import datetime
import gzip

import numpy as np
import pandas as pd
import pytest
from makers import mostly_nightly

from sklearn_ple.__main__ import main
from sklearn_ple.tables.user_file import read_user_file
from sklearn_ple.tables.written import read_written
from sklearn_ple.utils.warn import collected

N_ROWS = 48
RNG = np.random.RandomState(0)
SIZES = np.round(RNG.uniform(1000, 9000, N_ROWS), 2)
PRICES = np.round(3 * SIZES + RNG.randn(N_ROWS), 2)
SOLD = RNG.rand(N_ROWS) < 0.5
COUNTS = RNG.randint(1, 40, N_ROWS)
DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in RNG.permutation(N_ROWS)]


def lines(header, row, end="\n"):
    """CSV with a row for each house."""
    return end.join([header, *(row(k) for k in range(N_ROWS))]) + end


def german(number):
    return f"{number:,.2f}".replace(",", " ").replace(".", ",")


#: Name, content and number of features of files of which each is odd in its own way.
ODD = {
    "decimal_commas.csv": (
        lines(
            "Größe;Zimmer;verkauft;Preis",
            lambda k: (
                f"{german(SIZES[k])};{COUNTS[k]};{'ja' if SOLD[k] else 'nein'};{german(PRICES[k])}"
            ),
        ).encode("cp1252"),
        ["Größe", "Zimmer"],
    ),
    "with_mark.csv": (
        lines(
            "size,rooms,sold,price",
            lambda k: f'"{SIZES[k]:,}",{COUNTS[k]},{SOLD[k]},"$ {PRICES[k]:,}"',
            "\r\n",
        ).encode("utf-8-sig"),
        ["size", "rooms"],
    ),
    "utf16.txt": (
        lines(
            "size\trooms\tsold\tprice",
            lambda k: f"{SIZES[k]}\t{COUNTS[k]} %\t{'Y' if SOLD[k] else 'N'}\t{PRICES[k]}",
        ).encode("utf-16"),
        ["size", "rooms"],
    ),
    "compressed.csv.gz": (
        gzip.compress(
            lines(
                ",size,rooms,sold,price",
                lambda k: f"{k},{SIZES[k]},{COUNTS[k]},{SOLD[k]},{PRICES[k]}",
            ).encode()
        ),
        ["size", "rooms"],
    ),
    "trailing.csv": (
        lines(
            "sep=;\nsize ; rooms; sold; price;",
            lambda k: f"{SIZES[k]} ; {COUNTS[k]}; {SOLD[k]}; {PRICES[k]} ;",
        ).encode(),
        ["size", "rooms"],
    ),
    "dates_and_ids.csv": (
        lines(
            "id,day,size,rooms,sold,price",
            lambda k: (
                f"h{k * 7919:05x},{DAYS[k]:%b %d %Y},{SIZES[k]},{COUNTS[k]},{SOLD[k]},{PRICES[k]}"
            ),
        ).encode(),
        ["id", "day", "size", "rooms"],
    ),
    "placeholders.csv": (
        lines(
            "size|rooms|zip|sold|price",
            lambda k: (
                f"{SIZES[k]}|{COUNTS[k] if k % 24 else '?' if k else 'many'}|0{k % 3}1|"
                f"{SOLD[k]}|{PRICES[k]}"
            ),
        ).encode(),
        ["size", "rooms", "zip"],
    ),
    "free_text.csv": (
        lines(
            "size,rooms,note,sold,price",
            lambda k: f'{SIZES[k]},{COUNTS[k]},"No. {k}, ""nice"";\nnew",{SOLD[k]},€{PRICES[k]}',
        ).encode(),
        ["size", "rooms", "note"],
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_right(name, tmp_path):
    content, features = ODD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with collected():
        table = read_user_file(path)
    sold, price = table.columns[-2:]
    assert list(table) == [*features, sold, price]
    assert table[price].tolist() == PRICES.tolist() and table[sold].tolist() == SOLD.tolist()
    size, rooms = (
        next(c for c in features if c in words)
        for words in (("size", "Größe"), ("rooms", "Zimmer"))
    )
    assert table[size].tolist() == SIZES.tolist()
    known = table[rooms].notna().to_numpy()
    assert table[rooms][known].tolist() == COUNTS[known].tolist()
    assert known.sum() == N_ROWS - 2 * (name == "placeholders.csv")


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    "name", mostly_nightly(ODD, {"decimal_commas.csv", "placeholders.csv", "free_text.csv"})
)
def test_little_is_said_of_odd_files(name, tmp_path, few_models, capsys):
    content, features = ODD[name]
    path = tmp_path / name
    path.write_bytes(content)
    sold, price = ("verkauft", "Preis") if "Größe" in features else ("sold", "price")
    command = ["compare", str(path), "--targets", f"{sold}, {price}", "--cv", "2"]
    assert main([*command, "--report", str(tmp_path / "page.html")]) == 0
    output, said = capsys.readouterr()
    assert f"{N_ROWS} rows, {len(features)} features" in output
    said = [line for line in said.splitlines() if line and not line.startswith("Fitting: ")]
    assert all(line.startswith("warning: ") and len(line) < 170 for line in said)
    # In so few rows, new ids and texts are nothing to say.
    assert not [line for line in said if "was a category in fit" in line]
    for column in (*features, sold, price):
        assert sum(repr(column) in line for line in said) <= 1
    assert len(said) <= len(features)


def test_texts_that_are_no_numbers_stay_text():
    table = pd.DataFrame(
        {
            "code": ["007", "012", "100"],
            "mixed": ["1.2k", "900", "3M"],
            "date": ["12.05.2020", "13.05.2020", "14.05.2020"],
            "version": ["1.2.3", "1.2.4", "1.10.0"],
            "half": ["1", "two", "three"],
            "sex": ["f", "m", "f"],
        }
    )
    pd.testing.assert_frame_equal(read_written(table), table)


def test_other_columns_tell_what_a_mark_means():
    texts = ["1,234", "2,345", "3,456"]
    alone = pd.DataFrame({"a": texts})
    assert read_written(alone)["a"].tolist() == [1234, 2345, 3456]
    assert read_written(alone, ",")["a"].tolist() == [1.234, 2.345, 3.456]
    for other, first in (("0,5", 1.234), ("0.5", 1234)):
        assert read_written(alone.assign(b=other), ".")["a"][0] == first


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["-1'234.5", "+2", "−3"], [-1234.5, 2, -3]),
        (["€ -5", "-€6", "1.200 EUR"], None),
        (["12 km/h", "7 km/h", "9.5 km/h"], [12, 7, 9.5]),
        (["1e3", "2E-1", ".5"], [1000, 0.2, 0.5]),
        (["9007199254740993", "1", "2"], [9007199254740993, 1, 2]),
    ],
)
def test_numbers_are_read_as_people_write_them(texts, numbers):
    read = read_written(pd.DataFrame({"a": texts}))["a"].tolist()
    assert read == (texts if numbers is None else numbers)


def test_whole_numbers_and_booleans_may_be_missing():
    read = read_written(pd.DataFrame({"a": ["1", None, "3"], "b": ["Yes", "no", None]}))
    assert read.dtypes.astype(str).tolist() == ["Int64", "boolean"]
    assert read["a"].isna().tolist() == [False, True, False]
    assert read["b"].tolist()[:2] == [True, False]


def test_an_empty_file_and_excel_without_its_package_end_in_a_message(tmp_path, hide):
    (tmp_path / "rows.csv").write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        read_user_file(tmp_path / "rows.csv")
    hide("openpyxl")
    (tmp_path / "rows.xlsx").write_bytes(b"")
    with pytest.raises(ImportError, match=r"sklearn-ple\[excel\]"):
        read_user_file(tmp_path / "rows.xlsx")


def test_excel_is_read(tmp_path):
    pytest.importorskip("openpyxl")
    pd.DataFrame({"a": ["1,5", "2,5"], "b": [3, 4]}).to_excel(tmp_path / "t.xlsx", index=False)
    assert read_user_file(tmp_path / "t.xlsx").to_numpy().tolist() == [[1.5, 3], [2.5, 4]]
