"""Clicks and purchases of Ali-CCP: does sharing help a rare event that follows another?

The original needs a login. Put its files into a folder `ali_ccp` (see ali_ccp_files.py), and pass
the folder that contains `ali_ccp` as `--data`. Without `--data`, files in the same format are
generated, whose true probabilities are known (impressions.py).

All tasks are learnt as in the PLE paper: clicks from all impressions, purchases from clicked ones.
ESMM learns purchases from all impressions, as a click and a purchase after it.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.metrics import roc_auc_score

from sklearn_ple import ESMMClassifier

from ..measuring import parser_of
from .ali_ccp_files import load_ali_ccp
from .impressions import write
from .systems import STOP, run, systems

SHARING = ("single-task", "MMoE", "PLE")
#: Chosen on a fifth of the training rows, for PLE as published, among embeddings of width 4 to 16
#: and batches of 512 to 2,048. All overfit within a few of the epochs, which are long.
TRAINING = STOP | {"n_iter_no_change": 2, "task_types": "binary"}
TRAINING |= {"embedding_dim": 8, "batch_size": 512}


def make_files(n_impressions, folder=None):
    """Generate files of impressions, unless they are there; return the folder of `ali_ccp`."""
    folder = folder or Path(get_data_home()) / "sklearn_ple_generated"
    home = folder / f"{n_impressions}_impressions"
    if not (home / "ali_ccp" / "truth_test.npy").exists():
        write(home / "ali_ccp", n_impressions)
    return home


def load(home, n_rows):
    """Load both parts, with a purchase missing if there is no click, and the truth if known."""
    data = []
    for part in ("train", "test"):
        X, y = load_ali_ccp(home, part, n_rows)
        data += [X, y.assign(purchase=y["purchase"].where(y["click"] == 1))]
    truth = home / "ali_ccp" / "truth_test.npy"
    return *data, np.load(truth) if truth.exists() else None


def make_systems(X, y):
    """Make the systems; ESMM has the layers of the single-task network."""
    made = systems(X, y, SHARING, **TRAINING)
    single = made["single-task"]
    towers = (*single.bottom_hidden_units, *single.tower_hidden_units)
    return made | {"ESMM": ESMMClassifier.as_published(tower_hidden_units=towers, **TRAINING)}


def aucs(y, click, purchase):
    """Score clicks on all rows, purchases after a click on clicked rows, and purchases on all."""
    clicked = y["click"] == 1
    bought = y["purchase"] == 1
    return {
        "CTR": roc_auc_score(clicked, click),
        "CVR": roc_auc_score(bought[clicked], purchase[clicked]),
        "CTCVR": roc_auc_score(bought, click * purchase),
    }


def evaluate(system, data):
    *_, X, y, truth = data
    # Without `depends_on`, purchases are learnt from clicked rows: they are conditional already.
    predict = getattr(system, "predict_conditional_proba", system.predict_proba)
    scores = aucs(y, *(p[:, 1] for p in predict(X)))
    return {"scores": scores} | ({} if truth is None else {"ceiling": aucs(y, *truth)})


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--impressions", type=int, default=500_000, help="half of them to test")
    parser.add_argument("--data", type=Path, help="folder that holds the original's ali_ccp")
    parser.add_argument("--folder", type=Path, help="where to make files (default: data home)")
    options = parser.parse_args()
    home = options.data or make_files(options.impressions, options.folder)
    kind = "original" if options.data else "generated"

    def prepare(_):
        data = load(home, options.impressions // 2)
        return data, make_systems(*data[:2])

    setting = f"{kind}, {options.impressions} impressions"
    run("paper_ali_ccp", [setting], options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
