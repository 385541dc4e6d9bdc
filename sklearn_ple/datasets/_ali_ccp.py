"""Ali-CCP, impressions with clicks and purchases, converted to Parquet because of its size."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..utils._sklearn import StrOptions
from ..utils.constraints import COUNT, LISTED, PATH, check_arguments
from ..utils.files import replacing
from ..utils.progress import progress_bar
from ..utils.versions import needing
from ..utils.warn import warn
from ._base import list_homes, naming_damage, present, read_text, select

_PAGE = "https://tianchi.aliyun.com/dataset/408"
_FOLDER = "ali_ccp"

_TASKS = ("click", "purchase")

# fields of the user, of the user's earlier behaviour, and of the impression
_PROFILE = ("101", "121", "122", "124", "125", "126", "127", "128", "129")
_BEHAVIOUR = ("109_14", "110_14", "127_14", "150_14")
_IMPRESSION = ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")

# fields whose weights are not always 1
_WEIGHTED = (*_BEHAVIOUR, "508", "509", "702", "853")

_CATEGORIES = (*_PROFILE, *_IMPRESSION, *_BEHAVIOUR)
_FEATURES = (*_CATEGORIES, *(f"D{field}" for field in _WEIGHTED))

_SKELETON_COLUMNS = ("sample_id", *_TASKS, "key", "feature_num", "entries")
_COMMON_COLUMNS = ("key", "feature_num", "entries")

# number of bytes to read at a time; a block ends with a whole line
_BLOCK_SIZE = 1 << 24

_ENTRY = "^(?P<field>[^\x01\x02\x03]+)\x02(?P<id>[0-9]+)\x03(?P<weight>[^\x01\x02\x03]+)$"


@check_arguments(
    subset=[StrOptions({"train", "test"})],
    tasks=[str, LISTED, None],
    columns=[str, LISTED, None],
    n_rows=[COUNT, None],
    data_home=[PATH, None],
    return_X_y=["boolean"],
    as_frame=["boolean"],
)
def fetch_ali_ccp(
    *,
    subset: str = "train",
    tasks: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    n_rows: int | None = None,
    data_home: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Any:
    """Load Ali-CCP, impressions of items with clicks and purchases.

    The data set [1]_, which was published with the paper on ESMM [2]_, must be downloaded by hand,
    because its page requires a login: see Notes.

    ==========  ======  ======================================================
    Task        Kind    Meaning
    ==========  ======  ======================================================
    `click`     binary  the item was clicked (1) or not (0)
    `purchase`  binary  the item was clicked and then bought (1) or not (0)
    ==========  ======  ======================================================

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The published part to load, with about 42 million rows each.
    tasks : str, sequence of str or None, default=None
        The tasks to return, in this order; a single name for one task, None for both. The column
        of a task that is left out does not become a feature.
    columns : str, sequence of str or None, default=None
        The features to return, in this order; a single name for one feature, None for all 31.
    n_rows : int or None, default=None
        Number of rows to load from the beginning of the file; None for all, which needs several
        GB of memory.
    data_home : str, path-like or None, default=None
        The first folder in which files are searched for, and in which the Parquet file is saved;
        None for the data home of scikit-learn. See Notes.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a `Bunch`.
    as_frame : bool, default=True
        Whether to return data frames. Otherwise `data` and `target` are arrays of float64, in
        which a category is its position in `categories`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : DataFrame or ndarray of shape (n_samples, n_features)
            23 fields as categories, whose values are ids, and 8 weights as floats. A field that is
            missing in an impression is NaN.
        target : DataFrame or ndarray of shape (n_samples, n_tasks)
            The tasks, as integers; it has two dimensions even for one task.
        frame : DataFrame of shape (n_samples, n_features + n_tasks) or None
            `data` and `target` side by side; None if `as_frame=False`.
        feature_names : list of str
            The columns of `data`.
        target_names : list of str
            The columns of `target`.
        categories : dict of str to list of int
            The categories of each field: the ids in the rows that are loaded.
        target_classes : dict
            Empty, because no task is multi-class.
        DESCR : str
            The description of the data set.
        filename : str
            The Parquet file that was read.

    (data, target) : tuple if `return_X_y=True`
        `data` and `target` as above.

    Raises
    ------
    ValueError
        If `subset` or a name in `tasks` or `columns` is unknown, if `tasks` or `columns` is empty
        or contains a name twice, if `n_rows` is not positive, or if a file is damaged.
    TypeError
        If `n_rows` is not an integer.
    OSError
        If a file is not found; the message says which file to put where.
    ImportError
        If `pyarrow` is not installed.

    Warns
    -----
    UserWarning
        If purchases without a click are dropped.

    Notes
    -----
    For `subset="train"`, put `sample_skeleton_train.csv` and `common_features_train.csv`, which
    are in `sample_train.tar.gz`, into the folder `ali_ccp` in `data_home`; in the same way for
    `subset="test"`. The first call converts them, block by block, to `ali_ccp_train.parquet`,
    which needs `pyarrow` (`pip install 'sklearn-ple[parquet]'`). Later calls need only this file.
    The conversion needs less than 1 GB of memory, for a block and the common features, whatever
    the number of impressions. Files are searched for in `data_home`, if it is given, then in the
    folder that the environment variable `SKLEARN_PLE_DATA` names, then in the data home of
    scikit-learn. The Parquet file is searched for in all of these folders before the original
    files.

    Each impression is a list of entries, each with a field, an id and a weight. The entries of the
    user (101 to 129 and `109_14`, `110_14`, `127_14`, `150_14`) are in the common features to
    which the impression refers. If a field has several entries, the one with the greatest weight
    is kept, and the first of them if several have this weight. Weights that are not always 1 are
    features, too: `D109_14`, `D110_14`, `D127_14` and `D150_14` measure how often the user dealt
    with the category, shop, brand or intention, and `D508`, `D509`, `D702` and `D853` the same
    for those of the item.

    There can be no purchase without a click. As in [3]_, rows with a purchase but no click are
    regarded as errors and dropped, with a warning when the Parquet file is written.

    References
    ----------
    .. [1] Ali-CCP: Alibaba Click and Conversion Prediction, Tianchi, 2018.
       https://tianchi.aliyun.com/dataset/408
    .. [2] X. Ma et al., "Entire Space Multi-Task Model: An Effective Approach for Estimating
       Post-Click Conversion Rate", SIGIR 2018.
    .. [3] D. Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions
       with Multi-task Learning in Targeted Display Advertising", KDD 2021.

    Examples
    --------
    >>> from sklearn_ple.datasets import fetch_ali_ccp
    >>> X, y = fetch_ali_ccp(n_rows=100_000, return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (100000, 31)
    >>> list(y)  # doctest: +SKIP
    ['click', 'purchase']
    """
    names = select("tasks", tasks, _TASKS)
    features = select("columns", columns, _FEATURES)
    path = _locate(subset, data_home)
    raw = _read_parquet(path, [*features, *names], n_rows)
    more = {"DESCR": read_text("ali_ccp.txt"), "filename": str(path)}
    return present(raw[features], raw[names], as_frame, return_X_y, **more)


def _locate(subset: str, data_home: str | os.PathLike[str] | None) -> Path:
    """Return the path of the file to read, which is first converted if it does not exist."""
    with needing("Ali-CCP needs pyarrow", "parquet"):
        import pyarrow  # noqa: F401
    folders = [home / _FOLDER for home in list_homes(data_home)]
    home = folders[-1 if data_home is None else 0]
    name = f"ali_ccp_{subset}.parquet"
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    skeleton, common = f"sample_skeleton_{subset}.csv", f"common_features_{subset}.csv"
    for folder in folders:
        if (folder / skeleton).is_file() and (folder / common).is_file():
            _convert(folder / skeleton, folder / common, home / name)
            return home / name
    raise OSError(
        f"Ali-CCP not found: save {home / skeleton} and {home / common}, from "
        f"sample_{subset}.tar.gz of {_PAGE}, which asks for a login."
    )


def _make_schema() -> Any:
    """Return the schema of the Parquet file."""
    import pyarrow as pa

    types = {name: pa.float64() if name.startswith("D") else pa.int64() for name in _FEATURES}
    return pa.schema(types | dict.fromkeys(_TASKS, pa.int64()))


def _convert(skeleton: Path, common: Path, path: Path) -> None:
    """Join the impressions with the common features, block by block."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    shared = pa.concat_tables(_parse(common, _COMMON_COLUMNS, (*_PROFILE, *_BEHAVIOUR)))
    keys = shared["key"].combine_chunks()
    shared = shared.drop_columns(["key"]).combine_chunks()
    n_errors = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without checksums, damage to the file could remain unnoticed.
    with (
        replacing(path) as file,
        parquet.ParquetWriter(file, _make_schema(), write_page_checksum=True) as writer,
    ):
        for table in _parse(skeleton, _SKELETON_COLUMNS, _IMPRESSION):
            places = compute.index_in(table["key"], value_set=keys)
            if places.null_count:
                key = table["key"].filter(places.is_null())[0].as_py()
                raise _damage(skeleton, f"no common features of {key!r} in {common}")
            user = shared.take(places)
            columns = dict(zip(table.column_names, table.columns, strict=True))
            columns |= dict(zip(user.column_names, user.columns, strict=True))
            joined = pa.table({name: columns[name] for name in _make_schema().names})
            valid = compute.greater_equal(joined["click"], joined["purchase"])
            joined = joined.filter(valid)
            n_errors += len(table) - len(joined)
            writer.write_table(joined)
    if n_errors:
        warn(f"Dropped {n_errors} purchases without a click in {skeleton}.")


def _damage(path: Path, reason: Any) -> ValueError:
    """Create the error for a damaged original file."""
    archive = f"sample_{path.stem.rsplit('_', 1)[1]}.tar.gz"
    return ValueError(f"{path} is damaged: {reason}. Delete it and unpack {archive} again.")


def _parse(path: Path, names: Sequence[str], fields: Sequence[str]) -> Iterator[Any]:
    """Read tables of labels, keys and fields from a file, block by block."""
    import pyarrow as pa

    size = path.stat().st_size
    n_rows = 0
    with (
        path.open("rb") as file,
        progress_bar(total=size, desc=path.name, unit="B", unit_scale=True, disable=None) as bar,
    ):
        # csv.open_csv would read dozens of blocks ahead
        while block := file.readlines(_BLOCK_SIZE):
            if rows := [line for line in block if line.strip()]:
                try:
                    table = _parse_block(rows, names, fields)
                except pa.ArrowInvalid as error:
                    raise _damage(path, error) from error
                yield table
            n_rows += len(rows)
            bar.update(sum(map(len, block)))
    if not n_rows:
        raise _damage(path, "it has no lines")


def _parse_block(rows: list[bytes], names: Sequence[str], fields: Sequence[str]) -> Any:
    """Read a table of labels, keys and fields from some lines."""
    import pyarrow as pa
    from pyarrow import compute, csv

    wanted = [name for name in names if name != "sample_id"]
    types = dict.fromkeys(("feature_num", *_TASKS), pa.int64())
    convert = csv.ConvertOptions(
        column_types={name: types.get(name, pa.string()) for name in wanted},
        include_columns=wanted,
    )
    text = b"".join(rows)
    table = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=names, block_size=len(text)),
        csv.ParseOptions(quote_char=False),
        convert,
    )
    for name in set(_TASKS) & set(wanted):
        labels = table[name].to_numpy()
        if len(wrong := labels[~np.isin(labels, (0, 1))]):
            label = "none" if np.isnan(wrong[0]) else f"{wrong[0]:g}"
            raise pa.ArrowInvalid(f"labels of {name} must be 0 or 1, got {label}")
    lists = compute.split_pattern(table["entries"].combine_chunks(), "\x01")
    # without entries, the text is empty
    n_entries = compute.if_else(
        compute.equal(table["entries"], ""), 0, compute.list_value_length(lists)
    )
    differs = compute.fill_null(compute.not_equal(n_entries, table["feature_num"]), True)
    if compute.any(differs).as_py():
        found, said = (c.filter(differs)[0].as_py() for c in (n_entries, table["feature_num"]))
        raise pa.ArrowInvalid(f"{found} entries instead of {said}")
    kept = {name: table[name] for name in wanted if name not in ("entries", "feature_num")}
    return pa.table(kept | _read_columns(lists, fields))


def _read_columns(lists: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Convert lists of entries to columns of ids and weights, with the heaviest of each field."""
    import pyarrow as pa
    from pyarrow import compute

    row = compute.list_parent_indices(lists)
    flat = compute.list_flatten(lists)
    parts = compute.extract_regex(flat, pattern=_ENTRY)
    wrong = flat.filter(compute.and_(parts.is_null(), compute.not_equal(flat, "")))
    if len(wrong):
        raise pa.ArrowInvalid(f"{wrong[0].as_py()!r} is not an entry of field, id and weight")
    column = compute.index_in(compute.struct_field(parts, "field"), value_set=pa.array(fields))
    known = column.is_valid()
    row, column, parts = (array.filter(known) for array in (row, column, parts))
    new_ids = compute.struct_field(parts, "id").cast(pa.int64()).to_numpy()
    new_weights = compute.struct_field(parts, "weight").cast(pa.float64()).to_numpy()
    if not (finite := np.isfinite(new_weights)).all():
        where = int((~finite).argmax())
        field = fields[column[where].as_py()]
        raise pa.ArrowInvalid(f"weight {new_weights[where]} of field {field}")

    # the last assignment to a cell is kept: the heaviest entry, or the first one of several
    order = np.lexsort((-np.arange(len(row)), new_weights))
    places = row.to_numpy()[order], column.to_numpy()[order]
    ids = np.full((len(lists), len(fields)), -1)
    weights = np.full(ids.shape, np.nan)
    ids[places] = new_ids[order]
    weights[places] = new_weights[order]
    columns = {}
    for number, field in enumerate(fields):
        absent = ids[:, number] < 0
        columns[field] = pa.array(ids[:, number], mask=absent)
        if field in _WEIGHTED:
            columns[f"D{field}"] = pa.array(weights[:, number], mask=absent)
    return columns


def _read_parquet(path: Path, columns: list[str], n_rows: int | None) -> pd.DataFrame:
    """Read columns of the first rows; ids become categories in ascending order."""
    import pyarrow as pa
    from pyarrow import parquet

    with (
        naming_damage(path, "Delete it, and it will be created again.", pa.ArrowException),
        parquet.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        if not file.schema_arrow.equals(_make_schema()):
            raise ValueError("it has other columns")
        groups = range(file.num_row_groups)
        ends = np.cumsum([file.metadata.row_group(group).num_rows for group in groups])
        last = np.searchsorted(ends, np.inf if n_rows is None else n_rows)
        table = file.read_row_groups(groups[: last + 1], columns).slice(0, n_rows)
    ids = [name for name in columns if name in _CATEGORIES]
    frame = table.to_pandas(categories=ids)
    for name in ids:
        categories = frame[name].cat.categories
        frame[name] = frame[name].cat.reorder_categories(categories.sort_values())
    return frame
