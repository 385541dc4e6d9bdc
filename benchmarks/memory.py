"""Memory that fit needs in addition to its input: a million rows, one epoch, a process per form.

A peak is the resident memory in excess of that before fit, when X and y exist and an earlier,
small fit has loaded all libraries.
"""

import json
import sys
import threading
from functools import partial

import numpy as np
import pandas as pd
import psutil
from scipy import sparse

from .measuring import in_own_process, measure_all

N_ROWS, N_COLUMNS = 1_000_000, 50


def numbers(n_rows):
    return np.random.default_rng(0).normal(size=(n_rows, N_COLUMNS))


def frame(n_rows):
    columns = numbers(n_rows).T.copy()
    return pd.DataFrame({f"x{i}": column for i, column in enumerate(columns)}, copy=False)


def mixed(n_rows):
    """Floats, some missing; integers; nullable ones; bools; categories; strings; ids."""
    rng = np.random.default_rng(0)
    columns = {}
    for i in range(N_COLUMNS // 5):
        floats = rng.normal(size=n_rows)
        floats[rng.random(n_rows) < 0.1] = np.nan
        codes = rng.integers(0, 1000, n_rows)
        columns |= {
            f"float{i}": floats,
            f"int{i}": codes,
            f"nullable{i}": pd.array(codes, dtype="Int64"),
            f"category{i}": pd.Categorical.from_codes(codes, [str(c) for c in range(1000)]),
            f"bool{i}": codes > 500,
        }
    columns["id"] = pd.Categorical(rng.integers(0, 100_000, n_rows))
    columns["text"] = pd.Series(codes).astype("string")
    return pd.DataFrame(columns, copy=False)


def sparse_matrix(n_rows):
    return sparse.random(n_rows, 1000, density=0.03, format="csr", random_state=0)


FORMS = {
    "array of float64": numbers,
    "data frame of float64": frame,
    "mixed data frame": mixed,
    "sparse matrix": sparse_matrix,
}


def size(X):
    if sparse.issparse(X):
        return sum(part.nbytes for part in (X.data, X.indices, X.indptr))
    return X.memory_usage(index=False, deep=True).sum() if hasattr(X, "columns") else X.nbytes


class Peak(threading.Thread):
    """Watches how far the process's resident memory rises within a with block."""

    def __enter__(self):
        self.memory, self.done = psutil.Process().memory_info, threading.Event()
        self.daemon, self.rise_bytes = True, 0
        self.start_bytes = self.memory().rss
        self.start()
        return self

    def run(self):
        while not self.done.wait(0.002):
            self.rise_bytes = max(self.rise_bytes, self.memory().rss - self.start_bytes)

    def __exit__(self, *error):
        self.done.set()
        self.join()


def measure(form, n_rows=N_ROWS):
    """Fit once; return sizes in MB."""
    from sklearn_ple import PLEClassifierRegressor

    def fit(X, n_rows):
        rng = np.random.default_rng(1)
        y = np.column_stack([rng.integers(0, 2, n_rows), rng.normal(size=n_rows)])
        params = {"batch_size": 4096, "max_epochs": 1, "n_members": 1, "random_state": 0}
        with Peak() as peak:
            PLEClassifierRegressor(**params).fit(X, y)
        return peak.rise_bytes

    fit(FORMS[form](5000), 5000)  # Warms up.
    X = FORMS[form](n_rows)
    extra = fit(X, n_rows)
    return {"X": size(X) / 1e6, "extra": extra / 1e6, "extra / X": extra / size(X)}


def main():
    if len(sys.argv) > 1:
        print(json.dumps(measure(*sys.argv[1:])))
        return
    forms = [(form,) for form in FORMS]
    measure_all("memory", ("form",), forms, partial(in_own_process, __spec__.name))


if __name__ == "__main__":
    main()
