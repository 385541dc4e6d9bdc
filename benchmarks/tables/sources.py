"""Which commits the results come from, and whether these fit the models of a later one."""

import json

import pandas as pd

from ..measuring import RESULTS
from .cells import MISSING


def sources():
    """Show for each commit its results, processors and versions."""
    records = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    compared = records.pop("same_fits")
    *_, present = compared["commit"].split(", ")
    digests = {row["commit"]: row["digests"] for row in compared["results"]}
    columns = {}
    for name, record in records.items():
        for commit in sorted({row["commit"] for row in record["results"]}):
            # A commit may not have had all networks yet, or not be compared with others.
            own = digests.get(commit, {})
            same = [digests[present].get(fit) == digest for fit, digest in own.items()]
            both = f"{sum(same)} of {len(same)}" if same else MISSING
            cells = {"results": name, f"same fits as {present}": both}
            cells |= {"processor": record["processor"], "Python": record["python"]}
            cells |= record["versions"]
            for title, cell in cells.items():
                columns.setdefault(commit, {}).setdefault(title, {})[cell] = None
    shown = pd.DataFrame(columns).map(", ".join, na_action="ignore").fillna(MISSING)
    yield "sources", shown.rename_axis("commit")


PARTS = (sources,)
