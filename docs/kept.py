"""Keep results of the examples that need large data: `python docs/kept.py [NAME ...]`.

If the pages are built without these data, the examples show the results in examples/kept.
"""

import contextlib
import json
import os
import runpy
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def keep(name):
    with contextlib.chdir(EXAMPLES):
        found = runpy.run_path(f"plot_{name}.py")
        if found["X"] is None:
            sys.exit("The data were not found: set SKLEARN_PLE_DATA to their folder.")
        # As JSON, with five decimals: pictures and tables show no more.
        short = json.loads(json.dumps(found["results"]), parse_float=lambda x: round(float(x), 5))
        Path("kept", f"{name}.json").write_text(json.dumps(short) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    for name in sys.argv[1:] or ["census_income", "compare_systems"]:
        keep(name)
