"""What shared experts gain: PLE by default with none, one and two, on validation rows.

Without shared experts, tasks share only embeddings and the time when training ends. Shared experts
are either left out, which makes the network smaller, or replaced by a second expert for each task.
A quarter of each set's training rows is held out, different rows in each split; test rows are not
used. Sets in the order of time have only one split.
"""

from common import parser_of
from data_sets import CHRONOLOGICAL, DATA_SETS, MULAN_SETS, without_test_rows
from networks import evaluate

from paper.systems import run
from sklearn_ple import PLEClassifierRegressor

EXPERTS = {
    "none shared": {"n_shared_experts": 0},
    "none shared, 2 own": {"n_shared_experts": 0, "n_specific_experts": 2},
    "1 shared": {"n_shared_experts": 1},
    "2 shared": {"n_shared_experts": 2},
}
SETS = [name for name in (*DATA_SETS, *MULAN_SETS) if name != "census_no_education"]


def prepare(setting):
    name, split = setting.split(", split ")
    data = without_test_rows(name, int(split))
    return data.parts, {
        experts: PLEClassifierRegressor(task_types=data.kinds, **own)
        for experts, own in EXPERTS.items()
    }


def main():
    options = parser_of(__doc__, n_seeds=3, data=SETS).parse_args()
    splits = [
        f"{name}, split {k}"
        for name in options.data
        for k in range(1 if name in CHRONOLOGICAL else options.seeds)
    ]
    run("paper_shared_experts", splits, 1, prepare, evaluate)


if __name__ == "__main__":
    main()
