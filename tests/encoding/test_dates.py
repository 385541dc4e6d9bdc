"""Columns of dates are read as their parts: the same as a table to which a user adds these."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from makers import assert_alike, make_tiny
from scipy import sparse

from sklearn_ple import AdaTTClassifierRegressor, PLEClassifierRegressor, export
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor

N = 60
#: The parts of a date, by Python's own calendar.
PARTS = {
    "year": lambda day: day.year,
    "month": lambda day: day.month,
    "day": lambda day: day.day,
    "weekday": lambda day: day.isoweekday(),
    "hour": lambda day: day.hour,
    "total_seconds": lambda day: day.timestamp(),
}


def make_dates(n=N, seed=0):
    """Draw dates with times of day, in UTC for Python's timestamps; some are missing."""
    rng = np.random.RandomState(seed)
    start = datetime.datetime(2023, 11, 5, 7, 30, tzinfo=datetime.UTC)
    days = [start + datetime.timedelta(seconds=int(s)) for s in rng.randint(0, 10**8, n)]
    return [None if k % 7 == 3 else day for k, day in enumerate(days)]


DATES = make_dates()


def with_parts(X, dates, name="when"):
    """Add the parts of dates to a frame."""
    missing = np.nan
    columns = {
        f"{name}_{part}": [missing if day is None else float(read(day)) for day in dates]
        for part, read in PARTS.items()
    }
    return pd.concat([X, pd.DataFrame(columns, X.index)], axis=1)


def naive(dates):
    return [None if day is None else day.replace(tzinfo=None) for day in dates]


@pytest.fixture
def X():
    rng = np.random.RandomState(1)
    return pd.DataFrame({"zeta": rng.randn(N), "shop": rng.choice(["a", "b"], N)})


@pytest.fixture
def y(X):
    late = [day is not None and day.month > 6 for day in DATES]
    return pd.DataFrame({"late": late, "price": X["zeta"] + np.array(late)})


def same(fitted, other, X, parts):
    """Check that two models are of the same rows: one reads dates, the other their parts."""
    assert_alike(fitted.predict(X), other.predict(parts))


FORMS = {
    "pandas": lambda X: X,
    "seconds": lambda X: X.astype({"when": "datetime64[s]"}),
    "nanoseconds": lambda X: X.astype({"when": "datetime64[ns]"}),
    "objects": lambda X: X.astype({"when": object}),
    "Arrow's dtype": lambda X: X.astype({"when": pd.ArrowDtype(pa.timestamp("ms"))}),
    "polars": pl.from_pandas,
    "Arrow": lambda X: pa.Table.from_pandas(X, preserve_index=False),
}


@pytest.mark.parametrize("form", FORMS)
def test_dates_are_read_as_their_parts(X, y, form):
    table = X.assign(when=pd.to_datetime(naive(DATES)))
    parts = with_parts(X, DATES)
    fitted = make_tiny().fit(FORMS[form](table), y)
    assert list(fitted.feature_names_in_) == ["zeta", "shop", "when"]
    other = make_tiny().fit(parts, y)
    same(fitted, other, FORMS[form](table), parts)
    # One row, without and with a date.
    for row in (2, 3):
        same(fitted, other, FORMS[form](table[row : row + 1]), parts[row : row + 1])
    same(fitted, other, table[3:4].assign(when=None), parts[3:4])


@pytest.mark.parametrize("form", ["pandas", "polars", "Arrow"])
def test_days_without_a_time_are_dates(X, y, form):
    days = [None if day is None else day.date() for day in DATES]
    midnights = [
        day and datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)
        for day in days
    ]
    table = X.assign(when=days)
    if form != "pandas":
        table = pa.Table.from_pandas(table, preserve_index=False)
        assert table.schema.field("when").type == pa.date32()
        table = pl.from_arrow(table) if form == "polars" else table
    parts = with_parts(X, midnights)
    same(make_tiny().fit(table, y), make_tiny().fit(parts, y), table, parts)


def test_an_array_of_dates_is_read(y):
    values = np.array([naive(DATES), naive(make_dates(seed=4))], dtype="datetime64[us]").T
    parts = with_parts(
        with_parts(pd.DataFrame(index=range(N)), DATES, "x0"), make_dates(seed=4), "x1"
    )
    fitted = make_tiny().fit(values, y)
    assert fitted.n_features_in_ == 2
    same(fitted, make_tiny().fit(parts, y), values, parts)
    objects = values.astype(object)
    pd.testing.assert_frame_equal(fitted.predict(objects), fitted.predict(values))


def test_dates_with_a_zone_show_their_own_clock(X, y):
    zone = datetime.timezone(datetime.timedelta(hours=9))
    dates = [day and day.astimezone(zone) for day in DATES]
    table = X.assign(when=pd.Series(pd.to_datetime(dates, utc=True)).dt.tz_convert("Asia/Tokyo"))
    parts = with_parts(X, dates)
    fitted, other = make_tiny().fit(table, y), make_tiny().fit(parts, y)
    same(fitted, other, table, parts)
    polars = pl.from_pandas(table)
    assert polars["when"].dtype.time_zone == "Asia/Tokyo"
    same(fitted, other, polars, parts)


def test_names_that_are_no_text_keep_their_order(X, y):
    table = X.assign(when=pd.to_datetime(naive(DATES))).set_axis([2, 1, 0], axis=1)
    fitted = make_tiny().fit(table, y)
    again = fitted.predict(table.astype({0: "datetime64[s]"}))
    pd.testing.assert_frame_equal(fitted.predict(table), again)


def test_parts_of_a_second_count_the_same_in_all_units(X, y):
    moments = pd.Timestamp("2024-05-01 10:00:00.123457") + pd.to_timedelta(np.arange(N) * 13, "us")
    table = X.assign(when=moments.astype("datetime64[us]"))
    fine = table.astype({"when": "datetime64[ns]"})
    same(make_tiny().fit(table, y), make_tiny().fit(fine, y), table, fine)


# -- dates as text --------------------------------------------------------------------------------


#: How days may be written.
WRITTEN = {
    "ISO": "%Y-%m-%d",
    "month": "%b %d %Y",
    "day first": "%d.%m.%Y",
    "month first": "%m/%d/%Y",
    "long": "%B %d, %Y",
    "slashes": "%Y/%m/%d",
}


def write_days(form):
    """Write days, of which some are missing; return them as dates, too."""
    days = [None if day is None else datetime.date.fromordinal(day.toordinal()) for day in DATES]
    texts = [None if day is None else day.strftime(WRITTEN[form]) for day in days]
    return pd.Series(pd.to_datetime(pd.Series(days))), pd.Series(texts, dtype=object)


@pytest.mark.parametrize("form", WRITTEN)
def test_dates_as_text_are_dates(X, y, form):
    days, texts = write_days(form)
    rows, written = X.assign(when=days), X.assign(when=texts)
    fitted, other = make_tiny().fit(written, y), make_tiny().fit(rows, y)
    same(fitted, other, written, rows)
    # A single row, one without a date, dates themselves, and spaces around them.
    for part in (written[:1], written[3:4], rows, written.assign(when=" " + texts + " ")):
        assert_alike(fitted.predict(part), other.predict(rows.loc[part.index]))
    # What is no date is missing.
    odd = written.assign(when=texts.mask(texts.index == 5, "unknown"))
    assert_alike(fitted.predict(odd), other.predict(rows.assign(when=days.mask(days.index == 5))))


@pytest.mark.parametrize("form", ["string", "Arrow", "polars", "array"])
def test_dates_as_text_of_any_library_are_dates(y, form):
    days, texts = write_days("ISO")
    frame = pd.DataFrame({"x0": texts})
    made = {
        "string": lambda: frame.astype({"x0": "string"}),
        "Arrow": lambda: pa.table({"x0": texts.tolist()}),
        "polars": lambda: pl.DataFrame({"x0": texts.tolist()}),
        "array": lambda: texts.to_numpy()[:, np.newaxis],
    }[form]()
    rows = pd.DataFrame({"x0": days})
    same(make_tiny().fit(made, y), make_tiny().fit(rows, y), made, rows)


@pytest.mark.parametrize("ending", ["Z", "+09:00"])
def test_times_as_text_with_an_offset_are_read_in_utc(X, y, ending):
    zone = datetime.timezone(datetime.timedelta(hours=9 if ending != "Z" else 0))
    texts = [day and day.astimezone(zone).strftime(f"%Y-%m-%dT%H:%M:%S{ending}") for day in DATES]
    table = X.assign(when=pd.Series(texts, dtype=object))
    fitted, parts = make_tiny().fit(table, y), with_parts(X, DATES)
    same(fitted, make_tiny().fit(parts, y), table, parts)


def test_text_that_is_written_differently_than_in_fit_warns(X, y):
    _, texts = write_days("ISO")
    fitted = make_tiny().fit(X.assign(when=texts), y)
    with pytest.warns(UserWarning, match=r"No value of column 'when' .* \(ISO8601\): .* missing"):
        predicted = fitted.predict(X.assign(when="Jun 12 1998"))
    assert_alike(predicted, fitted.predict(X.assign(when=None)))
    with pytest.raises(ValueError, match="'when' of X held dates in fit but is of dtype float"):
        fitted.predict(X.assign(when=1.0))


@pytest.mark.parametrize(
    "texts",
    [
        ["20240501", "20240502"],
        ["01.02.2024", "03.04.2024"],
        ["2024-05-01", "a day"],
        ["May", "June"],
        ["1.2.3", "1.2.4"],
        ["12:30", "13:40"],
    ],
)
def test_other_text_is_categories(X, y, texts):
    table = X.assign(when=np.resize(texts, N))
    fitted = make_tiny().fit(table, y)
    other = make_tiny().fit(table.astype({"when": "category"}), y)
    same(fitted, other, table, table)


def test_text_that_is_named_as_categories_is_no_date(X, y):
    _, texts = write_days("ISO")
    table = X.assign(when=texts.fillna("2024-01-01"))
    named = make_tiny(categorical_features=["shop", "when"]).fit(table, y)
    declared = make_tiny().fit(table.astype({"when": "category"}), y)
    same(named, declared, table, table)


# -- changes between fit and predict --------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (1.5, "held dates in fit but is of dtype float64 now: .*pd.to_datetime"),
        ("2024-01-01", r"held dates in fit but is of dtype (str|object) now"),
        (
            pd.Timestamp("2024", tz="UTC"),
            r"the time zone None .* of UTC now: .*tz_localize\(None\)",
        ),
        (pd.Timedelta("1h"), "held dates in fit but is of dtype timedelta64"),
    ],
)
def test_something_else_where_fit_had_dates_is_an_error(X, y, values, message):
    fitted = make_tiny().fit(X.assign(when=pd.to_datetime(naive(DATES))), y)
    with pytest.raises(ValueError, match=f"Column 'when' of X .*{message}"):
        fitted.predict(X.assign(when=values))


@pytest.mark.parametrize(("zone", "way"), [(None, "localize"), ("Asia/Tokyo", "convert")])
def test_another_time_zone_than_in_fit_is_an_error(X, y, zone, way):
    fitted = make_tiny().fit(X.assign(when=pd.Timestamp("2024", tz="UTC")), y)
    with pytest.raises(ValueError, match=rf"'when' .* zone UTC in fit.*tz_{way}\('UTC'\)"):
        fitted.predict(X.assign(when=pd.Timestamp("2024", tz=zone)))


@pytest.mark.parametrize(
    ("column", "message"),
    [("zeta", "'zeta' of X held numbers in fit"), ("shop", "'shop' of X held text")],
)
def test_dates_where_fit_had_something_else_are_an_error(X, y, column, message):
    fitted = make_tiny().fit(X, y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(X.assign(**{column: pd.Timestamp("2024")}))


def test_a_sparse_matrix_has_no_dates(y):
    fitted = make_tiny().fit(np.array([naive(DATES)], dtype="datetime64[s]").T, y)
    with pytest.raises(ValueError, match="sparse, but had categories or dates in fit"):
        fitted.predict(sparse.eye(N, 1, format="csr"))


# -- everything that reads X ----------------------------------------------------------------------


@pytest.fixture
def table(X):
    return X.assign(when=pd.to_datetime(naive(DATES)))


def test_text_in_files_is_read_as_in_memory(X, y, tmp_path):
    days, texts = write_days("month")
    path = tmp_path / "rows.parquet"
    rows = pa.Table.from_pandas(pd.concat([X.assign(when=texts), y], axis=1))
    pq.write_table(rows, path, row_group_size=13)
    fitted = make_tiny().fit(path, list(y))
    table = X.assign(when=days)
    other = make_tiny().fit(table, y)
    assert_alike(fitted.predict(X.assign(when=texts)), fitted.predict(table))
    first, second = (model._encoder.features for model in (fitted, other))
    assert_alike(first.transform(table)[0], second.transform(table)[0])
    export.predict_to_parquet(fitted, path, tmp_path / "predicted.parquet")
    predicted = pd.read_parquet(tmp_path / "predicted.parquet")
    assert_alike(predicted["price"], fitted.predict(table)["price"])


def test_models_that_read_text_as_dates_are_saved(X, y, tmp_path):
    table = X.assign(when=write_days("day first")[1])
    fitted = make_tiny().fit(table, y)
    export.save(fitted, tmp_path / "model")
    for loaded in (export.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted))):
        same(fitted, loaded, table, table)


@pytest.mark.nightly
def test_a_graph_takes_the_seconds_of_dates_that_were_text(X, y, tmp_path):
    days, texts = write_days("day first")
    table = X.assign(when=texts)
    fitted = make_tiny().fit(table, y)
    runtime = pytest.importorskip("onnxruntime")
    export.to_onnx(fitted, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    seconds = (days - pd.Timestamp(0)).dt.total_seconds()
    given = {"zeta": X["zeta"].to_numpy(), "when": seconds.to_numpy()}
    given = {name: column[:, np.newaxis] for name, column in given.items()}
    given["shop"] = X["shop"].to_numpy(object)[:, np.newaxis]
    (found,) = session.run(["label.price"], given)
    assert_alike(found, fitted.predict(table)["price"])


def test_boosting_reads_text_as_the_same_dates(X, y):
    days, texts = write_days("ISO")
    rows, written = X.assign(when=days), X.assign(when=texts)
    same(make_boosting().fit(written, y), make_boosting().fit(rows, y), written, rows)


def test_known_labels_are_read_beside_text(X, y):
    days, texts = write_days("ISO")
    rows, written = X.assign(when=days), X.assign(when=texts)
    fitted, other = (make_tiny(early_stopping=True).fit(part, y) for part in (written, rows))
    known = y[["late"]]
    assert_alike(fitted.predict(written, known=known), other.predict(rows, known=known))


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_are_read_as_in_memory(X, y, table, tmp_path, ending):
    whole = pd.concat([table, y], axis=1)
    path, of_parts = (tmp_path / f"{name}.{ending}" for name in ("dates", "parts"))
    for frame, file in ((whole, path), (pd.concat([with_parts(X, DATES), y], axis=1), of_parts)):
        if ending == "csv":
            frame.to_csv(file, index=False)
        else:
            pq.write_table(pa.Table.from_pandas(frame), file, row_group_size=13)
    names = list(y)
    fitted, other = (make_tiny().fit(file, names) for file in (path, of_parts))
    same(fitted, other, table, with_parts(X, DATES))
    export.predict_to_parquet(fitted, path, tmp_path / "predicted.parquet")
    predicted = pd.read_parquet(tmp_path / "predicted.parquet")
    assert_alike(predicted["price"], fitted.predict(table)["price"])


def test_partial_fit_goes_on_with_dates(X, y, table):
    fitted, other = make_tiny(), make_tiny()
    for model, rows in ((fitted, table), (other, with_parts(X, DATES))):
        model.partial_fit(rows[:40], y[:40]).partial_fit(rows[40:], y[40:])
    same(fitted, other, table, with_parts(X, DATES))
    with pytest.raises(ValueError, match="'when' of X held dates in fit"):
        fitted.partial_fit(table.assign(when=1.0), y)


def test_a_checkpoint_goes_on(table, y, tmp_path):
    whole = make_tiny(max_epochs=3).fit(table, y)
    make_tiny(max_epochs=3, checkpoint_dir=tmp_path).fit(table, y)
    again = make_tiny(max_epochs=3, checkpoint_dir=tmp_path).fit(table, y)
    same(whole, again, table, table)


def make_boosting():
    return PerTaskClassifierRegressor(random_state=0)


def make_blend():
    members = [("network", make_tiny()), ("trees", make_boosting())]
    return BlendClassifierRegressor(members, random_state=0)


def test_boosting_reads_the_same_parts(X, y, table):
    parts = with_parts(X, DATES)
    fitted, other = (make_blend().fit(rows, y) for rows in (table, parts))
    same(fitted, other, table, parts)
    with pytest.raises(ValueError, match="'when' of X held dates in fit"):
        fitted.predict(table.assign(when=1.0))


def test_networks_that_read_columns_name_the_parts(table, y):
    fitted = make_tiny(AdaTTClassifierRegressor).fit(table, y)
    assert fitted.predict(table).shape == (N, 2)


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
@pytest.mark.parametrize("names", [True, False])
def test_models_that_read_dates_are_saved(table, y, tmp_path, zone, names):
    table = table.assign(when=table["when"].dt.tz_localize(zone))
    rows = table if names else table[["when"]].set_axis([0], axis=1)
    fitted = make_tiny().fit(rows, y)
    export.save(fitted, tmp_path / "model")
    for loaded in (export.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted))):
        same(fitted, loaded, rows, rows)


def test_dates_that_are_categories_are_no_numbers(table, y):
    fitted = make_tiny(categorical_features=["shop", "when"]).fit(table, y)
    assert fitted.predict(table).shape == (N, 2)
    plain = make_tiny(PLEClassifierRegressor).fit(table, y)
    assert not np.array_equal(fitted.predict(table)["price"], plain.predict(table)["price"])
