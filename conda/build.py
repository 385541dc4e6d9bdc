"""Build the conda package of the sdist in build/dist, which `tox -e dist` makes.

    python conda/build.py            # from conda-forge; then the package is tested
    python conda/build.py --offline  # a trial of the recipe, where conda-forge cannot be reached

build/conda/recipe.yaml is for conda-forge: the recipe with the version and checksum of the sdist.
In a trial, a local channel stands in for conda-forge. It has what the build requires, from PyPI,
but not what the package requires. So it is not tested, but its files are compared with those of
the wheel.
"""

import argparse
import hashlib
import re
import shutil
import sys
import zipfile
from pathlib import Path

from rattler_build import EnvironmentIsolation, Package, Stage0Recipe, ToolConfiguration

ROOT = Path(__file__).parents[1]
DIST = ROOT / "build" / "dist"
BUILD = ROOT / "build" / "conda"
#: A virtual environment as a package of Python, with what the build requires.
PYTHON = """
package: {{name: python, version: "{version}"}}
build:
  script: |
    {python} -m venv --copies $PREFIX
    unset ${{!PIP_@}}
    $PREFIX/bin/python -m pip install {tools}
about: {{license: PSF-2.0}}
"""
#: These are within that package.
TOOLS = {
    "hatchling": "1.27",
    "hatch-fancy-pypi-readme": "24.1",
    "pip": "23.0",
}
TOOL = """
package: {{name: {name}, version: "{version}"}}
build: {{noarch: generic}}
about: {{license: MIT}}
"""


def the(pattern):
    """Return the only file of such a name in build/dist."""
    found = list(DIST.glob(pattern))
    if len(found) != 1:
        sys.exit(f"build/dist has {len(found)} files {pattern}, not one: run `tox -e dist`.")
    return found[0]


def from_file(text, path):
    """Return a recipe that takes its source from a file; the checksum stays."""
    return re.sub(r"^  url: .*$", f"  url: {path.as_uri()}", text, flags=re.MULTILINE)


def write_recipe(sdist):
    """Write the recipe of an sdist, as conda-forge gets it."""
    text = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    version = sdist.name.removesuffix(".tar.gz").partition("-")[2]
    values = {"version": version, "sha256": hashlib.sha256(sdist.read_bytes()).hexdigest()}
    for name, value in values.items():
        text = re.sub(rf'^  {name}: ".*"$', f'  {name}: "{value}"', text, flags=re.MULTILINE)
    (BUILD / "recipe.yaml").write_text(text, encoding="utf-8")
    return text


def stand_in():
    """Build a channel of what the recipe requires to build."""
    channel = BUILD / "channel"
    version = ".".join(map(str, sys.version_info[:3]))
    python = PYTHON.format(version=version, python=sys.executable, tools=" ".join(TOOLS))
    tools = [TOOL.format(name=name, version=version) for name, version in TOOLS.items()]
    for text in (python, *tools):
        Stage0Recipe.from_yaml(text).run_build(
            output_dir=channel, channels=[], env_isolation=EnvironmentIsolation.NONE
        )
    return channel.as_uri()


def compare(package, wheel):
    """Check that a package has the modules and data of the wheel."""
    there = {path.removeprefix("site-packages/") for path in Package.from_file(package).files}
    asked = {path for path in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in path}
    if lacking := sorted(asked - there):
        sys.exit(f"{package} lacks {', '.join(lacking)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--offline", action="store_true", help="a trial without conda-forge")
    options = parser.parse_args()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    sdist = the("*.tar.gz")
    channel = stand_in() if options.offline else "conda-forge"
    (built,) = Stage0Recipe.from_yaml(from_file(write_recipe(sdist), sdist)).run_build(
        tool_config=ToolConfiguration(test_strategy="skip" if options.offline else "native"),
        output_dir=BUILD / "packages",
        channels=[channel],
    )
    for package in built.packages:
        compare(package, the("*.whl"))
        print(package)


if __name__ == "__main__":
    main()
