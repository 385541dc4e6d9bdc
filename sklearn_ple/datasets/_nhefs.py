"""NHEFS, a health survey with binary, continuous and multi-class tasks and missing labels."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from ._base import frames_or_arrays, make_bunch, select

_TASKS = ("death", "wt82_71", "sbp", "dbp", "cholesterol", "exercise")

_EXERCISE = {0: "much", 1: "moderate", 2: "little"}

_NUMBERS = (
    "age",
    "school",
    "ht",
    "wt71",
    "smokeintensity",
    "smokeyrs",
    "alcoholhowmuch",
    "pregnancies",
    "price71",
    "tax71",
)

# 0 no, 1 yes; 2 is missing, if it is in the codebook
_FLAGS = (
    "asthma",
    "bronch",
    "tb",
    "hf",
    "hbp",
    "pepticulcer",
    "colitis",
    "hepatitis",
    "chroniccough",
    "hayfever",
    "diabetes",
    "polio",
    "tumor",
    "nervousbreak",
    "alcoholpy",
    "pica",
    "headache",
    "otherpain",
    "weakheart",
    "allergies",
    "nerves",
    "lackpep",
    "hbpmed",
    "boweltrouble",
    "wtloss",
    "infection",
    "birthcontrol",
)

# an entry for each FIPS code from 0 on; a dot if a code is not in use or nobody has it
_STATES = (
    ". AL . . AZ AR CA . CO CT DE DC FL GA . HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE . "
    "NH NJ NM NY NC ND OH OK OR PA . RI SC SD TN TX UT VT VA . WA WV WI WY"
)

# codes that are left out mean unknown, or nobody has them
_CATEGORIES = {
    "sex": {0: "male", 1: "female"},
    "race": {0: "white", 1: "black or other"},
    "income": {
        11: "<$1000",
        12: "$1000-1999",
        13: "$2000-2999",
        14: "$3000-3999",
        15: "$4000-4999",
        16: "$5000-5999",
        17: "$6000-6999",
        18: "$7000-9999",
        19: "$10000-14999",
        20: "$15000-19999",
        21: "$20000-24999",
        22: "$25000+",
    },
    "marital": {
        2: "married",
        3: "widowed",
        4: "never married",
        5: "divorced",
        6: "separated",
    },
    "education": {
        1: "8th grade or less",
        2: "high school dropout",
        3: "high school",
        4: "college dropout",
        5: "college or more",
    },
    "birthplace": {code: name for code, name in enumerate(_STATES.split()) if name != "."},
    "alcoholfreq": {
        0: "almost every day",
        1: "2-3 times/week",
        2: "1-4 times/month",
        3: "<12 times/year",
        4: "no alcohol last year",
    },
    "alcoholtype": {1: "beer", 2: "wine", 3: "liquor", 4: "other or unknown"},
    "active": {0: "very active", 1: "moderately active", 2: "inactive"},
}


def load_nhefs(
    *,
    tasks: str | Sequence[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Any:
    """Load the NHEFS data set, with six tasks of three kinds and 1,629 smokers.

    In the National Health and Nutrition Examination Survey Data I Epidemiologic Follow-up Study,
    people were examined in 1971 and visited again in 1982. The table is part of the package.

    ==============  ===========  ==========  ==================================================
    Task            Kind         Missing     Meaning
    ==============  ===========  ==========  ==================================================
    `death`         binary       0           died by 1992 (1) or not (0)
    `wt82_71`       regression   63          weight change from 1971 to 1982, in kg
    `sbp`           regression   77          systolic blood pressure in 1982, in mmHg
    `dbp`           regression   81          diastolic blood pressure in 1982, in mmHg
    `cholesterol`   regression   16          serum cholesterol in 1971, in mg/100 ml
    `exercise`      multi-class  0           exercise in recreation in 1971
    ==============  ===========  ==========  ==================================================

    The last two were measured at the same time as the features, so these tasks are to infer them
    from the rest of the examination, not to forecast them.

    Parameters
    ----------
    tasks : str, sequence of str or None, default=None
        The tasks to return, in this order; a single name for one task, None for all six. The
        column of a task that is left out does not become a feature.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a `Bunch`.
    as_frame : bool, default=True
        Whether to return data frames. Otherwise `data` and `target` are arrays of float64, in
        which a category is its position in `categories` or `target_classes`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : DataFrame or ndarray of shape (1629, 46)
            The features, which were known in 1971: numbers, answers as floats, 1 for yes and 0 for
            no, and categories in the order of the codebook. Missing or unknown values are NaN.
        target : DataFrame or ndarray of shape (1629, n_tasks)
            The labels, with NaN for missing ones, in two dimensions even for one task. In a data
            frame, `death` is an integer column and `exercise` is categorical.
        frame : DataFrame of shape (1629, 46 + n_tasks) or None
            `data` and `target` side by side; None if `as_frame=False`.
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
        filename : str
            The file that the data set comes from.

    (data, target) : tuple if `return_X_y=True`
        `data` and `target` as above.

    Raises
    ------
    ValueError
        If a name in `tasks` is unknown or occurs twice, or if `tasks` is empty.

    Notes
    -----
    Columns that were not known in 1971 are not features: those of the second visit (`wt82`,
    `qsmk`, `smkintensity82_71`, `price82`, `tax82`, `hightax82`, `price71_82`, `tax71_82`,
    `censored`) and the date of death. Identifiers are left out, too, and `older`, which follows
    from `age`.

    Source: National Center for Health Statistics, as packaged in `causaldata` 0.1.5 by
    N. Huntington-Klein under the MIT licence.

    References
    ----------
    .. [1] M. A. Hernán and J. M. Robins, *Causal Inference: What If*, Chapman & Hall/CRC, 2020.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> nhefs = load_nhefs()
    >>> nhefs.data.shape
    (1629, 46)
    >>> nhefs.target.isna().sum().to_dict()
    {'death': 0, 'wt82_71': 63, 'sbp': 77, 'dbp': 81, 'cholesterol': 16, 'exercise': 0}
    >>> nhefs.target_classes
    {'exercise': ['much', 'moderate', 'little']}

    Two of the tasks, as arrays:

    >>> X, y = load_nhefs(
    ...     tasks=["death", "wt82_71"], return_X_y=True, as_frame=False
    ... )
    >>> X.shape, y.shape
    ((1629, 46), (1629, 2))
    """
    names = select("tasks", tasks, _TASKS)
    folder = files("sklearn_ple.datasets").joinpath("data")
    source = folder.joinpath("nhefs.csv.gz")
    with source.open("rb") as file:
        raw = pd.read_csv(file, compression="gzip")

    numbers = raw[list(_NUMBERS)].astype(float)
    flags = raw[list(_FLAGS)].astype(float).where(raw[list(_FLAGS)] != 2)
    coded = pd.DataFrame({name: _label(raw[name], _CATEGORIES[name]) for name in _CATEGORIES})
    features = pd.concat([numbers, flags, coded], axis=1)
    data = features[[name for name in raw if name in features]]
    target = raw[list(_TASKS)].assign(exercise=_label(raw["exercise"], _EXERCISE))[names]
    if return_X_y:
        return frames_or_arrays(data, target, as_frame)
    return make_bunch(
        data,
        target,
        as_frame,
        DESCR=folder.joinpath("README.md").read_text(encoding="utf-8"),
        filename=str(source),
    )


def _label(codes: pd.Series, labels: dict[int, str]) -> pd.Series:
    """Convert codes to categories in the order of the labels, and other codes to NaN."""
    return codes.map(labels).astype(pd.CategoricalDtype(list(labels.values())))
