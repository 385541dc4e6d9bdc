"""UCI Census-Income (KDD), the benchmark of the papers on MMoE and PLE."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.datasets import fetch_file

from ..utils._sklearn import StrOptions
from ..utils.constraints import COUNT_OR_ZERO, LISTED, NOT_NEGATIVE, PATH, check_arguments
from ..utils.files import replacing
from ._base import list_homes, naming_damage, present, read_codebook, read_text, select

_BASE_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/census-income-mld/"
_FOLDER = "census_income"

# file of each subset
_FILES = {"train": "census-income.data.gz", "test": "census-income.test.gz"}

# digests of the uncompressed text, which do not depend on how a file is compressed
_SHA256 = {
    "train": "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
    "test": "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
}

# the two tasks of the papers come first
_TASKS = ("income", "never_married", "college", "education")

# the features from which the label of a task follows
_SAID_BY = {"never_married": "marital_stat", "college": "education", "education": "education"}

_LABELS = {"- 50000.": 0, "50000+.": 1}


@check_arguments(
    subset=[StrOptions({*_FILES, "all"})],
    tasks=[str, LISTED, None],
    data_home=[PATH, None],
    download_if_missing=["boolean"],
    return_X_y=["boolean"],
    as_frame=["boolean"],
    n_retries=[COUNT_OR_ZERO],
    delay=[NOT_NEGATIVE],
)
def fetch_census_income(
    *,
    subset: str = "train",
    tasks: str | Sequence[str] | None = ("income", "never_married"),
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    as_frame: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Any:
    """Load the UCI Census-Income (KDD) data set, downloading it if necessary.

    ===============  ===========  =============================================================
    Task             Kind         Meaning
    ===============  ===========  =============================================================
    `income`         binary       income above 50,000 dollars (1) or not (0)
    `never_married`  binary       never married (1) or not (0)
    `college`        binary       education of college level at least (1) or not (0)
    `education`      multi-class  one of 17 levels of education
    ===============  ===========  =============================================================

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The published part to load: 199,523 rows for training, 99,762 rows for testing, or both,
        with the training rows first.
    tasks : str, sequence of str or None, default=("income", "never_married")
        The tasks to return, in this order; a single name for one task, None for all four. The
        default is the pair of tasks in the papers on MMoE [2]_ and PLE [3]_. The paper on MMoE
        also uses the pair `("college", "never_married")`.
    data_home : str, path-like or None, default=None
        The first folder in which files are searched for, and to which they are downloaded; None
        for the data home of scikit-learn. See Notes.
    download_if_missing : bool, default=True
        Whether to download a file that is not found. Otherwise OSError is raised.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a `Bunch`.
    as_frame : bool, default=True
        Whether to return data frames. Otherwise `data` and `target` are arrays of float64, in
        which a category is its position in `categories` or `target_classes`.
    n_retries : int, default=3
        Number of retries after a failed download.
    delay : float, default=1.0
        Seconds between two attempts.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : DataFrame or ndarray of shape (n_samples, n_features)
            Seven numbers, as floats. All other columns are categories, including codes that are
            numbers. No value is missing: `?` and `NA` are categories like any other.
        target : DataFrame or ndarray of shape (n_samples, n_tasks)
            The tasks, in two dimensions even for one task. In a data frame, binary tasks are
            integers and `education` is categorical.
        frame : DataFrame of shape (n_samples, n_features + n_tasks) or None
            `data` and `target` side by side; None if `as_frame=False`.
        instance_weight : Series or ndarray of shape (n_samples,)
            Number of people in the population that a row represents.
        feature_names : list of str
            The columns of `data`.
        target_names : list of str
            The columns of `target`.
        categories : dict of str to list of str
            The categories of each categorical feature.
        target_classes : dict of str to list of str
            The classes of each selected multi-class task.
        DESCR : str
            The description of the data set.
        filenames : list of str
            The files that the data set comes from.

    (data, target) : tuple if `return_X_y=True`
        `data` and `target` as above.

    Raises
    ------
    ValueError
        If `subset` or a name in `tasks` is unknown, if `tasks` is empty or contains a name twice,
        or if a file is damaged.
    OSError
        If a file is neither found nor downloaded; the message says which file to put where.

    Notes
    -----
    The files `census_income/census-income.data.gz` (train) and
    `census_income/census-income.test.gz` (test) are searched for in `data_home`, if it is given,
    then in the folder that the environment variable `SKLEARN_PLE_DATA` names, then in the data
    home of scikit-learn. The text of a file must have the SHA-256 digest of the published one.

    Columns from which the label of a selected task follows are not features: `marital_stat` for
    `never_married`, and `education` for `education` and `college`. `income`, the label of the
    published data set, is never a feature. With the default tasks there are 39 features. The
    papers also leave out `education`.

    `college` is 1 for "Some college but no degree" and for associate's, bachelor's, master's,
    professional school and doctorate degrees, which are 33.5 % of the test rows. The paper on MMoE
    has the task "at least college", but does not say which levels these are. The column
    `enroll_in_edu_inst_last_wk`, which states who is at college now, is a feature.

    Categories are those that occur in the subset. To have the same categories in both parts, load
    `subset="all"` and split after 199,523 rows.

    Source: UCI Machine Learning Repository [1]_, licence CC BY 4.0.

    References
    ----------
    .. [1] Census-Income (KDD), UCI Machine Learning Repository, 2000.
       https://doi.org/10.24432/C5N30T
    .. [2] J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
       Mixture-of-Experts", KDD 2018.
    .. [3] H. Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning
       (MTL) Model for Personalized Recommendations", RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple.datasets import fetch_census_income
    >>> X, y = fetch_census_income(  # doctest: +SKIP
    ...     subset="test", return_X_y=True
    ... )
    >>> X.shape  # doctest: +SKIP
    (99762, 39)
    >>> y.mean().round(3).to_dict()  # doctest: +SKIP
    {'income': 0.062, 'never_married': 0.432}
    """
    names = select(tasks, _TASKS)
    parts = list(_FILES) if subset == "all" else [subset]
    paths = [_locate(part, data_home, download_if_missing, n_retries, delay) for part in parts]
    book = read_codebook("census_income")
    columns = book["columns"]
    read = [_read(path, part, columns) for path, part in zip(paths, parts, strict=True)]
    raw = pd.concat(read, ignore_index=True)
    raw = raw.astype({name: float if name in book["numbers"] else "category" for name in raw})
    target = pd.DataFrame(
        {
            "income": raw["income"].map(_LABELS).astype(int),
            "never_married": (raw["marital_stat"] == "Never married").astype(int),
            "college": raw["education"].isin(book["college"]).astype(int),
            "education": raw["education"],
        }
    )[names]
    weight = raw["instance_weight"]
    labels = {_SAID_BY[name] for name in names if name in _SAID_BY}
    data = raw.drop(columns=["income", "instance_weight", *labels])
    return present(
        data,
        target,
        as_frame,
        return_X_y,
        instance_weight=weight if as_frame else weight.to_numpy(),
        DESCR=read_text("census_income.txt"),
        filenames=[str(path) for path in paths],
    )


def _locate(
    part: str,
    data_home: str | os.PathLike[str] | None,
    download_if_missing: bool,
    n_retries: int,
    delay: float,
) -> Path:
    """Return the path of a file, which is downloaded if it is not found."""
    name = _FILES[part]
    places: list[Path] = []
    for home in list_homes(data_home):
        places.append(home / _FOLDER / name)
        if places[-1].is_file():
            return places[-1]

    path = places[0] if data_home is not None else places[-1]
    url = _BASE_URL + name
    missing = f"Census-Income file not found: save {url} as {path}."
    if not download_if_missing:
        raise OSError(missing)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            folder, name = partial.parent, partial.name
            fetch_file(url, folder, local_filename=name, n_retries=n_retries, delay=delay)
            _unpack(partial, part)
    except (OSError, EOFError, ValueError, zlib.error, HTTPException) as error:
        raise OSError(f"{missing} The download failed: {error}") from error
    return path


def _unpack(path: Path, part: str) -> bytes:
    """Return the text of a file, and raise an error if it differs from the published one."""
    with gzip.open(path) as file:
        text = file.read()
    found = hashlib.sha256(text).hexdigest()
    if found != _SHA256[part]:
        raise ValueError(f"its text has the SHA-256 {found}, not {_SHA256[part]}")
    return text


def _read(path: Path, part: str, columns: list[str]) -> pd.DataFrame:
    """Read a file as text."""
    with naming_damage(path, "Delete it, and it will be downloaded again."):
        text = BytesIO(_unpack(path, part))
    # `?` and `NA` are not missing values
    options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "skipinitialspace": True}
    return pd.read_csv(text, names=columns, **options)
