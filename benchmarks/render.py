"""Render the results: tables in docs/tables, which pages include, and pictures in docs/images."""

import argparse
from pathlib import Path

from .measuring import ROOT
from .pictures import costs, gains
from .tables import fits, networks, paper, scores, sources
from .tables.cells import list_tables


def tables():
    """Yield the name and the text of each table."""
    for module in (scores, fits, networks, paper, sources):
        for part in module.PARTS:
            for name, frame in part():
                yield name, list_tables(frame)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of the pages")
    docs = parser.parse_args().docs
    for folder in ("tables", "images"):
        (docs / folder).mkdir(parents=True, exist_ok=True)
    for name, text in tables():
        (docs / "tables" / f"{name}.rst").write_text(text, encoding="utf-8")
    costs.draw(docs / "images")
    gains.draw(docs / "images")


if __name__ == "__main__":
    main()
