"""UCI Census-Income (KDD), the benchmark of the papers on MMoE and PLE."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from shutil import copyfileobj
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd

from ..utils.files import replacing
from ..utils.warn import warn
from ._base import data_homes, frames_or_arrays, make_bunch, select

_BASE_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/census-income-mld/"
_FOLDER = "census_income"

# file and number of rows of each subset
_FILES = {
    "train": ("census-income.data.gz", 199_523),
    "test": ("census-income.test.gz", 99_762),
}

# digests of the uncompressed text, which do not depend on how a file is compressed
_SHA256 = {
    "train": "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
    "test": "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
}

# the two tasks of the papers come first
_TASKS = ("income", "never_married", "college", "education")

# the features from which the label of a task follows
_SAID_BY = {"never_married": "marital_stat", "college": "education", "education": "education"}

# levels of education that include some college, with or without a degree
_COLLEGE = (
    "Some college but no degree",
    "Associates degree-occup /vocational",
    "Associates degree-academic program",
    "Bachelors degree(BA AB BS)",
    "Masters degree(MA MS MEng MEd MSW MBA)",
    "Prof school degree (MD DDS DVM LLB JD)",
    "Doctorate degree(PhD EdD)",
)

_COLUMNS = (
    "age",
    "class_of_worker",
    "detailed_industry_recode",
    "detailed_occupation_recode",
    "education",
    "wage_per_hour",
    "enroll_in_edu_inst_last_wk",
    "marital_stat",
    "major_industry_code",
    "major_occupation_code",
    "race",
    "hispanic_origin",
    "sex",
    "member_of_a_labor_union",
    "reason_for_unemployment",
    "full_or_part_time_employment_stat",
    "capital_gains",
    "capital_losses",
    "dividends_from_stocks",
    "tax_filer_stat",
    "region_of_previous_residence",
    "state_of_previous_residence",
    "detailed_household_and_family_stat",
    "detailed_household_summary_in_household",
    "instance_weight",
    "migration_code_change_in_msa",
    "migration_code_change_in_reg",
    "migration_code_move_within_reg",
    "live_in_this_house_1_year_ago",
    "migration_prev_res_in_sunbelt",
    "num_persons_worked_for_employer",
    "family_members_under_18",
    "country_of_birth_father",
    "country_of_birth_mother",
    "country_of_birth_self",
    "citizenship",
    "own_business_or_self_employed",
    "fill_inc_questionnaire_for_veterans_admin",
    "veterans_benefits",
    "weeks_worked_in_year",
    "year",
    "income",
)

_NUMBERS = (
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "dividends_from_stocks",
    "num_persons_worked_for_employer",
    "weeks_worked_in_year",
    "instance_weight",
)

# errors that a download or a damaged file can raise
_ERRORS = (OSError, EOFError, ValueError, zlib.error, HTTPException)

_LABELS = {"- 50000.": 0, "50000+.": 1}

_DESCR = """\
Census-Income (KDD)

Weighted records of persons from the Current Population Surveys of 1994 and 1995 of the U.S. Census
Bureau: 199,523 for training and 99,762 for testing, with 7 numeric and 33 nominal attributes, a
weight, and whether income is above $50,000.

Source: UCI Machine Learning Repository, https://doi.org/10.24432/C5N30T
Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/
"""


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
    home of scikit-learn. The text of a downloaded file must have the SHA-256 digest of the
    published one. The shape, labels and numbers of other files are checked.

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
    names = select("tasks", tasks, _TASKS)
    if subset not in (*_FILES, "all"):
        raise ValueError(f"subset must be 'train', 'test' or 'all', got {subset!r}.")
    parts = list(_FILES) if subset == "all" else [subset]
    paths = [_locate(part, data_home, download_if_missing, n_retries, delay) for part in parts]
    raw = pd.concat(map(_read_kept, paths, parts), ignore_index=True)

    raw = raw.astype({name: float if name in _NUMBERS else "category" for name in raw})
    target = pd.DataFrame(
        {
            "income": raw["income"].map(_LABELS).astype(int),
            "never_married": (raw["marital_stat"] == "Never married").astype(int),
            "college": raw["education"].isin(_COLLEGE).astype(int),
            "education": raw["education"],
        }
    )[names]
    weight = raw["instance_weight"]
    labels = {_SAID_BY[name] for name in names if name in _SAID_BY}
    data = raw.drop(columns=["income", "instance_weight", *labels])
    if return_X_y:
        return frames_or_arrays(data, target, as_frame)
    return make_bunch(
        data,
        target,
        as_frame,
        instance_weight=weight if as_frame else weight.to_numpy(),
        DESCR=_DESCR,
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
    name, _ = _FILES[part]
    places: list[Path] = []
    for home in data_homes(data_home):
        places.append(home / _FOLDER / name)
        if places[-1].is_file():
            return places[-1]

    path = places[0] if data_home is not None else places[-1]
    url = _BASE_URL + name
    missing = f"Census-Income file not found: save {url} as {path}."
    if not download_if_missing:
        raise OSError(missing)
    try:
        _download(url, path, part, n_retries, delay)
    except _ERRORS as error:
        raise OSError(f"{missing} The download failed: {error}") from error
    return path


def _download(url: str, path: Path, part: str, n_retries: int, delay: float) -> None:
    """Download a file, and put it in its place after a check."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        while True:
            try:
                with urlopen(url, timeout=60) as response, partial.open("wb") as file:
                    copyfileobj(response, file)
                _check(partial, part)
                break
            except _ERRORS as error:
                if n_retries <= 0:
                    raise
                n_retries -= 1
                warn(f"Retry downloading {url}: {error}")
                time.sleep(delay)


def _check(path: Path, part: str) -> None:
    """Raise an error if the text of a downloaded file differs from the published one."""
    with gzip.open(path) as text:
        found = hashlib.file_digest(text, "sha256").hexdigest()
    if found != _SHA256[part]:
        raise ValueError(f"its text has the SHA-256 {found}, not {_SHA256[part]}")


def _read_kept(path: Path, part: str) -> pd.DataFrame:
    """Read a file, with an error that says what to do if it is damaged."""
    try:
        return _read(path, part)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged: {error}. Delete it, and it will be downloaded again."
        ) from error


def _read(path: Path, part: str) -> pd.DataFrame:
    """Read a file as text, and check its shape, labels and numbers."""
    _, n_rows = _FILES[part]
    try:
        # `?` and `NA` are not missing values
        raw = pd.read_csv(
            path,
            header=None,
            dtype=str,
            skipinitialspace=True,
            keep_default_na=False,
            compression="gzip",
        )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(str(error)) from error
    if raw.shape != (n_rows, len(_COLUMNS)):
        raise ValueError(
            f"expected {n_rows} rows of {len(_COLUMNS)} columns, got {len(raw)} of {raw.shape[1]}"
        )
    raw.columns = pd.Index(_COLUMNS)
    numbers = raw[list(_NUMBERS)].apply(pd.to_numeric, errors="coerce")
    unreal = ~np.isfinite(numbers.astype(float))
    wrong = pd.DataFrame({"income": ~raw["income"].isin(_LABELS)} | dict(unreal))
    for name in wrong:
        if wrong[name].any():
            row = int(wrong[name].argmax())
            what = "label" if name == "income" else "number"
            raise ValueError(f"line {row + 1}: no {what} in {name!r} but {raw[name][row]!r}")
    return raw
