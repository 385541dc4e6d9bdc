"""Sphinx's settings. The build reads nothing from the network."""

import importlib.metadata
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["MPLBACKEND"] = "Agg"

from class_pages import HOOKS, shared_members  # noqa: E402

# The gallery looks up the names in the examples. If it does not run them, it finds those of
# halving searches only after this import.
from sklearn.experimental import enable_halving_search_cv  # noqa: E402, F401
from website import inventories  # noqa: E402

project = "sklearn-ple"
author = "The sklearn-ple developers"
copyright = f"2026, {author}"
release = version = importlib.metadata.version("sklearn-ple")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "myst_parser",
    "notfound.extension",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "class_pages",
    "folding",
    "website",
]
intersphinx_mapping = inventories(HERE / "_build" / "inventories")
html_math_renderer = "mathml"
templates_path = ["_templates"]
# Tables are parts of other pages.
exclude_patterns = ["_build", "redirects", "tables"]

autosummary_generate = True
# What pages of estimators leave out.
autosummary_context = {"hooks": HOOKS, "shared_members": shared_members()}
# Names in the docstrings' single backticks are links where they are on a page.
default_role = "py:obj"
# The types are in the docstrings, so that signatures stay short.
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
# The page of a class lists its members itself, except those inherited from elsewhere.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "website.place",
    "remove_config_comments": True,
    "download_all_examples": False,
    # For the examples that use a class, on its page.
    "backreferences_dir": "generated/examples",
    "doc_module": ("sklearn_ple",),
    "show_memory": False,
    "write_computation_times": False,
    "first_notebook_cell": '%pip install "sklearn-ple[export,onnx,optuna,parquet,plots,text]"',
}
# Where GitHub has the notebooks that the gallery makes, to open them in Colab: see CONTRIBUTING.
notebooks = os.environ.get("SKLEARN_PLE_NOTEBOOKS", "")

html_theme = "pydata_sphinx_theme"
html_favicon = logo = "_static/logo.svg"
html_theme_options = {
    "logo": {"text": "sklearn-ple", "image_light": logo, "image_dark": logo, "alt_text": ""}
}
# These pages have no others below them: without this their left side is an empty column.
alone = ("changelog", "contributing", "paper", "security", "404")
html_sidebars = {page: [] for page in alone}
html_title = f"sklearn-ple {version}"
html_short_title = importlib.metadata.metadata("sklearn-ple")["Summary"]
# The address of the pages, for links that need it in full: set where they are published.
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
if not html_baseurl:
    notfound_urls_prefix = "/"
html_show_sourcelink = False
html_static_path = ["_static"]
# Pages that have moved.
html_extra_path = ["redirects"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]


def skip_foreign_member(app, what, name, obj, skip, options):
    """Leave out what a class inherits from scikit-learn or torch."""
    function = obj.fget if isinstance(obj, property) else obj
    module = getattr(function, "__module__", None) or ""
    return skip or not module.startswith("sklearn_ple")


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign_member)
