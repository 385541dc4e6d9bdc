"""Read Ali-CCP: impressions of Taobao's recommender system, with clicks and purchases.

The data set, published with the paper on ESMM (Ma et al., SIGIR 2018), must be downloaded by hand
from https://tianchi.aliyun.com/dataset/408, which asks for a login. Put
`sample_skeleton_train.csv` and `common_features_train.csv`, which are in `sample_train.tar.gz`,
into a folder `ali_ccp`, and those of `test` too. The first call converts them to Parquet, block by
block, so that the memory does not grow with the impressions; later calls need only this file.

Each impression is a list of entries, each with a field, an id and a weight. The entries of the
user are in the common features to which the impression refers. If a field has several entries, the
one with the greatest weight is kept, and the first of them if several have this weight. Weights
that are not always 1 are features, too: `D109_14`, `D110_14`, `D127_14` and `D150_14` measure how
often the user dealt with the category, shop, brand or intention, and `D508`, `D509`, `D702` and
`D853` the same for those of the item. Rows with a purchase but no click are errors: they are left
out, as by Xi et al. (KDD 2021).
"""

import warnings

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv, parquet
from tqdm import tqdm

TASKS = ("click", "purchase")

# fields of the user, of the user's earlier behaviour, and of the impression
PROFILE = ("101", "121", "122", "124", "125", "126", "127", "128", "129")
BEHAVIOUR = ("109_14", "110_14", "127_14", "150_14")
IMPRESSION = ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")

# fields whose weights are not always 1
WEIGHTED = (*BEHAVIOUR, "508", "509", "702", "853")

CATEGORIES = (*PROFILE, *IMPRESSION, *BEHAVIOUR)
FEATURES = (*CATEGORIES, *(f"D{field}" for field in WEIGHTED))

ORIGINALS = ("sample_skeleton", "common_features")
SKELETON_COLUMNS = ("sample_id", *TASKS, "key", "feature_num", "entries")
COMMON_COLUMNS = ("key", "feature_num", "entries")

# number of bytes to read at a time; a block ends with a whole line
BLOCK_SIZE = 1 << 24

ENTRY = "^(?P<field>[^\x01\x02\x03]+)\x02(?P<id>[0-9]+)\x03(?P<weight>[^\x01\x02\x03]+)$"


def load_ali_ccp(home, subset="train", n_rows=None):
    """Load the first impressions of `subset` from the folder `ali_ccp` of `home`, as X and y.

    X has 23 fields as categories, whose values are ids, and 8 weights; y has 0 and 1.
    """
    path = home / "ali_ccp" / f"ali_ccp_{subset}.parquet"
    if not path.exists():
        convert(*(path.with_name(f"{name}_{subset}.csv") for name in ORIGINALS), path)
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        groups = range(file.num_row_groups)
        ends = np.cumsum([file.metadata.row_group(group).num_rows for group in groups])
        last = np.searchsorted(ends, np.inf if n_rows is None else n_rows)
        table = file.read_row_groups(groups[: last + 1]).slice(0, n_rows)
    frame = table.to_pandas(categories=CATEGORIES)
    for name in CATEGORIES:
        categories = frame[name].cat.categories
        frame[name] = frame[name].cat.reorder_categories(categories.sort_values())
    return frame[[*FEATURES]], frame[[*TASKS]]


def convert(skeleton, common, path):
    """Join the impressions with the common features, block by block."""
    types = {name: pa.float64() if name.startswith("D") else pa.int64() for name in FEATURES}
    schema = pa.schema(types | dict.fromkeys(TASKS, pa.int64()))
    shared = pa.concat_tables(parse(common, COMMON_COLUMNS, (*PROFILE, *BEHAVIOUR)))
    keys = shared["key"].combine_chunks()
    shared = shared.drop_columns(["key"]).combine_chunks()
    n_errors = 0
    partial = path.with_suffix(".partial")
    # Without checksums, damage to the file could remain unnoticed.
    with parquet.ParquetWriter(partial, schema, write_page_checksum=True) as writer:
        for table in parse(skeleton, SKELETON_COLUMNS, IMPRESSION):
            places = compute.index_in(table["key"], value_set=keys)
            if places.null_count:
                key = table["key"].filter(places.is_null())[0].as_py()
                raise ValueError(f"{common} has no features of {key!r}, which {skeleton} names.")
            user = shared.take(places)
            columns = dict(zip(table.column_names, table.columns, strict=True))
            columns |= dict(zip(user.column_names, user.columns, strict=True))
            joined = pa.table({name: columns[name] for name in schema.names})
            valid = compute.greater_equal(joined["click"], joined["purchase"])
            joined = joined.filter(valid)
            n_errors += len(table) - len(joined)
            writer.write_table(joined)
    partial.replace(path)
    if n_errors:
        warnings.warn(f"Dropped {n_errors} purchases without a click.", stacklevel=3)


def parse(path, names, fields):
    """Read tables of labels, keys and fields from a file, block by block."""
    with (
        path.open("rb") as file,
        tqdm(total=path.stat().st_size, desc=path.name, unit="B", unit_scale=True) as bar,
    ):
        # csv.open_csv would read dozens of blocks ahead
        while block := file.readlines(BLOCK_SIZE):
            try:
                yield parse_block(block, names, fields)
            except pa.ArrowInvalid as error:
                raise ValueError(f"{path} is damaged: {error}. Unpack it again.") from error
            bar.update(sum(map(len, block)))


def parse_block(rows, names, fields):
    """Read a table of labels, keys and fields from some lines."""
    wanted = [name for name in names if name != "sample_id"]
    types = dict.fromkeys(("feature_num", *TASKS), pa.int64())
    options = csv.ConvertOptions(
        column_types={name: types.get(name, pa.string()) for name in wanted},
        include_columns=wanted,
    )
    text = b"".join(rows)
    table = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=names, block_size=len(text)),
        csv.ParseOptions(quote_char=False),
        options,
    )
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
    return pa.table(kept | read_columns(lists, fields))


def read_columns(lists, fields):
    """Convert lists of entries to columns of ids and weights, with the heaviest of each field."""
    row = compute.list_parent_indices(lists)
    flat = compute.list_flatten(lists)
    parts = compute.extract_regex(flat, pattern=ENTRY)
    wrong = flat.filter(compute.and_(parts.is_null(), compute.not_equal(flat, "")))
    if len(wrong):
        raise pa.ArrowInvalid(f"{wrong[0].as_py()!r} is not an entry of field, id and weight")
    column = compute.index_in(compute.struct_field(parts, "field"), value_set=pa.array(fields))
    known = column.is_valid()
    row, column, parts = (array.filter(known) for array in (row, column, parts))
    new_ids = compute.struct_field(parts, "id").cast(pa.int64()).to_numpy()
    new_weights = compute.struct_field(parts, "weight").cast(pa.float64()).to_numpy()

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
        if field in WEIGHTED:
            columns[f"D{field}"] = pa.array(weights[:, number], mask=absent)
    return columns
