"""All systems of the paper, with equal size and depth, on real data: does sharing help a task?

The test rows are those of accuracy.py, except for the set with both published parts. Each set is
learnt by the networks as published, and with the defaults of the package.
"""

from functools import partial

import pandas as pd
from common import parser_of
from data_sets import DATA_SETS, DataSet, raw, score, split
from peers import predictor

from paper.systems import BASES, SYSTEMS, run, systems
from sklearn_ple.datasets import fetch_census_income

#: Changes to both bases. A constant rate needs more epochs before early stopping. Four members
#: cost half as much as the default of eight, and are the fewest that are validated as by default.
OPTIONS = {"as published": {"max_epochs": 30}, "by default": {"n_members": 4}}
TRAIN_PART = "census_income/census-income-train-nominal.parquet"


def college():
    """Load the second task pair of the MMoE paper, without education, which reveals a label."""
    X, y = fetch_census_income(subset="test", tasks=["college", "never_married"], return_X_y=True)
    return split(X, y, dict.fromkeys(y, "binary"), n_train=66_508)


def published_split():
    """Load both published parts whole, without education and the numbers, which one part lacks."""
    X_test, y_test = fetch_census_income(subset="test", return_X_y=True)
    X_test = X_test.select_dtypes(exclude="number")
    train = pd.read_parquet(raw(TRAIN_PART))
    y_train = pd.DataFrame(
        {
            "income": (train["income_50k"] == "50000+.").astype(int),
            "never_married": (train["marital_stat"] == "Never-married").astype(int),
        }
    )
    X_train = train.drop(columns=["income_50k", "marital_stat"]).set_axis(list(X_test), axis=1)
    # The training part has hyphens instead of spaces.
    X_test = X_test.apply(lambda column: column.astype(str).str.strip().str.replace(" ", "-"))
    X_train, X_test = (X.drop(columns="education") for X in (X_train, X_test))
    return DataSet(X_train, X_test, y_train, y_test, dict.fromkeys(y_test, "binary"))


SETS = {name: DATA_SETS[name] for name in ("census", "census_no_education", "support2")}
SETS |= {"census_college": college, "census_published_split": published_split}


def prepare(setting, names=SYSTEMS):
    name, base = setting.split(", ")
    data = SETS[name]()
    own = {"task_types": data.kinds} | OPTIONS[base]
    return data.parts, systems(*data.parts[:2], names, published=BASES[base], **own)


def evaluate(system, data):
    _, _, X, y, kinds = data
    predicted = predictor(system, kinds)(X)
    return {"scores": {t: score(kind, y[t], predicted[t]) for t, kind in kinds.items()}}


def main():
    options = parser_of(__doc__, n_seeds=5, data=SETS, bases=BASES, systems=SYSTEMS).parse_args()
    settings = [f"{name}, {base}" for base in options.bases for name in options.data]
    chosen = partial(prepare, names=options.systems)
    run("paper_comparison", settings, options.seeds, chosen, evaluate)


if __name__ == "__main__":
    main()
