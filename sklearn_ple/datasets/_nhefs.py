"""NHEFS, a health survey with binary, continuous and multi-class tasks and missing labels."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from ..utils.constraints import LISTED, check_arguments
from ._base import present, read_codebook, read_text, select


@check_arguments(tasks=[str, LISTED, None], return_X_y=["boolean"], as_frame=["boolean"])
def load_nhefs(
    *, tasks: str | Sequence[str] | None = None, return_X_y: bool = False, as_frame: bool = True
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
    book = read_codebook("nhefs")
    names = select(tasks, book["tasks"])
    source = files(__package__).joinpath("data", "nhefs.csv.gz")
    with source.open("rb") as file:
        raw = pd.read_csv(file, compression="gzip")

    numbers = raw[book["numbers"]].astype(float)
    # Answers are 0 for no and 1 for yes; 2 is a missing answer.
    flags = raw[book["flags"]].astype(float).where(raw[book["flags"]] != 2)
    coded = pd.DataFrame(
        {name: _label(raw[name], labels) for name, labels in book["categories"].items()}
    )
    known = pd.concat([numbers, flags, coded], axis=1)
    data = known[[name for name in raw if name in known and name not in book["tasks"]]]
    target = raw[book["tasks"]].assign(exercise=coded["exercise"])[names]
    more = {"DESCR": read_text("README.md"), "filename": str(source)}
    return present(data, target, as_frame, return_X_y, **more)


def _label(codes: pd.Series, labels: dict[str, str]) -> pd.Series:
    """Convert codes to categories in the order of the labels, and other codes to NaN."""
    dtype = pd.CategoricalDtype(list(labels.values()))
    return codes.map({int(code): label for code, label in labels.items()}).astype(dtype)
