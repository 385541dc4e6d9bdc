"""Keep results of the examples whose data are not everywhere: `python docs/kept.py [NAME ...]`.

Where a build of the pages has no data, these examples show what is in examples/kept.
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
            sys.exit("The data are not at hand: let SKLEARN_PLE_DATA name their folder.")
        # As JSON, with five decimals, which the pictures and tables do not exceed.
        short = json.loads(json.dumps(found["results"]), parse_float=lambda x: round(float(x), 5))
        Path("kept", f"{name}.json").write_text(json.dumps(short) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    for name in sys.argv[1:] or ["census_income", "compare_systems"]:
        keep(name)
