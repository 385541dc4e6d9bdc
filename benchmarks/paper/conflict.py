"""A stand-in for the paper's VTR and VCR: does a network gain on one task and lose on the other?

Rows are views of videos by users, both known by their ids, and by the length of the video. Whether
a view is valid depends on how a user likes the look of a video, and the watched share on how the
user likes its content. Both are products of hidden tastes. The look promises what the content does
not hold, so they are correlated by -`CLICKBAIT`; long videos are viewed more, and finished less.
Embeddings are as wide as the tastes of one task, so tasks that share them compete for them.
"""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import r2_score, roc_auc_score

from ..measuring import parser_of
from .systems import REFERENCE, STOP, run, systems

NAMES = (REFERENCE, "hard sharing", "MMoE", "PLE")
KINDS = {"valid view": "binary", "completion": "regression"}
N_USERS, N_VIDEOS, N_TASTES, CLICKBAIT = 100, 50, 2, 0.5
N_TEST = 50_000


def views(n_rows, seed=0):
    """Draw views: features, labels, and the values that labels are drawn from."""
    rng = np.random.default_rng(seed)
    numbers = {"user": N_USERS, "video": N_VIDEOS}
    ids = {name: rng.integers(n, size=n_rows) for name, n in numbers.items()}
    tastes = {name: rng.normal(size=(2, n, N_TASTES)) for name, n in numbers.items()}
    length = rng.normal(size=N_VIDEOS)[ids["video"]]
    liking = np.prod([tastes[name][:, ids[name]] for name in numbers], axis=0).sum(axis=2)
    look, other = liking / np.sqrt(N_TASTES)
    content = np.sqrt(1 - CLICKBAIT**2) * other - CLICKBAIT * look
    truth = pd.DataFrame({"valid view": expit(2 * look + length)})
    noise = 0.5 * rng.normal(size=n_rows)
    truth["completion"] = expit(1.5 * content - length)
    y = truth.assign(completion=expit(1.5 * content - length + noise))
    y["valid view"] = (rng.uniform(size=n_rows) < y["valid view"]).astype(float)
    X = pd.DataFrame({name: pd.Categorical(own) for name, own in ids.items()})
    return X.assign(length=length), y, truth


def scores(y, valid, completion):
    return {
        "valid view": roc_auc_score(y["valid view"], valid),
        "completion": r2_score(y["completion"], completion),
    }


def prepare(setting):
    n_rows = int(setting.partition(" ")[0])
    X, y, truth = views(n_rows + N_TEST)
    # At a constant rate losses go up and down.
    own = STOP | {"n_iter_no_change": 15, "batch_size": 256}
    own |= {"task_types": KINDS, "embedding_dim": N_TASTES}
    train, test = slice(n_rows), slice(n_rows, None)
    data = X[train], y[train], X[test], y[test], truth[test]
    return data, systems(*data[:2], NAMES, **own)


def evaluate(system, data):
    *_, X, y, truth = data
    valid, completion = system.predict_proba(X)[0][:, 1], system.predict(X)["completion"]
    ceiling = scores(y, *truth.to_numpy().T)
    return {"scores": scores(y, valid, completion), "ceiling": ceiling}


def main():
    parser = parser_of(__doc__, n_seeds=20)
    parser.add_argument("--rows", type=int, default=5_000, help="to train on")
    options = parser.parse_args()
    run("paper_conflict", [f"{options.rows} rows"], options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
