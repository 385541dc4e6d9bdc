"""Census-Income, without education as in the papers: does sharing help to predict income?

The test rows are those of accuracy.py.
"""

from ..data_sets import DATA_SETS
from ..measuring import parser_of
from ..networks import evaluate
from .systems import STOP, run, systems


def prepare(name):
    data = DATA_SETS[name]()
    own = STOP | {"task_types": data.kinds, "batch_size": 512}
    return data.parts, systems(*data.parts[:2], **own)


def main():
    options = parser_of(__doc__, n_seeds=5).parse_args()
    run("paper_census", ["census_no_education"], options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
