"""Sphinx's settings. The build reads nothing from the network."""

import importlib.metadata
import os

os.environ["MPLBACKEND"] = "Agg"

project = "sklearn-ple"
author = "The sklearn-ple developers"
copyright = f"2026, {author}"
release = version = importlib.metadata.version("sklearn-ple")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

autosummary_generate = True
# The page of a class lists its members itself, less those inherited from elsewhere.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "download_all_examples": False,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-ple {version}"
html_show_sourcelink = False


def skip_foreign_member(app, what, name, obj, skip, options):
    """Leave out what a class inherits from scikit-learn or torch."""
    function = obj.fget if isinstance(obj, property) else obj
    module = getattr(function, "__module__", None) or ""
    return skip or not module.startswith("sklearn_ple")


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign_member)
