"""What the pages need besides Sphinx's own extensions; no network is needed to build or read them.

Mathematics as MathML, which browsers draw themselves. Links to other projects' references, whose
inventories are made from `docs/references.txt`. Signatures that fit a line. The order of the
gallery. The examples in Colab, if the address of their notebooks is known. Per cent signs that
stay with their number. Long names that break between words. Names of columns beside cells, for
phones. Pictures for dark pages, and links to their files. `llms.txt`, a list of the pages for
language models, and `sitemap.xml`, if the pages' address is known. The report of an example, as a
page.
"""

import re
import shutil
import zlib
from os.path import splitext
from pathlib import Path
from xml.sax.saxutils import escape

from docutils import nodes
from latex2mathml.converter import convert

HERE = Path(__file__).parent
#: The address of each project's reference, and the page of a name there.
REFERENCES = {
    "sklearn": ("https://scikit-learn.org/stable/", "modules/generated/{name}.html#{name}"),
    "torch": ("https://docs.pytorch.org/docs/stable/", "generated/{name}.html#{name}"),
    "matplotlib": ("https://matplotlib.org/stable/", "api/_as_gen/{name}.html#{name}"),
    "joblib": ("https://joblib.readthedocs.io/en/stable/", "generated/{name}.html#{name}"),
    "skorch": ("https://skorch.readthedocs.io/en/stable/", "{module}.html#{name}"),
}

#: The order of the gallery: from what everybody needs to what few need.
EXAMPLES = [
    "quickstart",
    "mixed_targets_missing_labels",
    "importance",
    "report",
    "validation_in_time",
    "pipeline_grid_search",
    "search_optuna",
    "text_and_dates",
    "files",
    "serving",
    "balancing",
    "extending",
    "grid_search_dask",
    "census_income",
    "compare_systems",
]


def place(example):
    """Return the place of a file in the gallery."""
    return EXAMPLES.index(example.removeprefix("plot_").removesuffix(".py"))


def inventories(folder):
    """Write an inventory of each project's names, and return Sphinx's `intersphinx_mapping`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = {project: [] for project in REFERENCES}
    for line in (HERE / "references.txt").read_text(encoding="utf-8").splitlines():
        role, name = line.split()
        project, _, path = name.partition(".")
        page = REFERENCES[project][1].format(name=name, module=path.partition(".")[0])
        if role == "module":
            page = f"api/{name}.html#module-{name}"
        lines[project].append(f"{name} py:{role} 1 {page} -\n")
    mapping = {}
    for project, (address, _) in REFERENCES.items():
        head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        file = folder / f"{project}.inv"
        file.write_bytes(head.encode() + zlib.compress("".join(lines[project]).encode()))
        mapping[project] = (address, str(file))
    return mapping


def write_math(writer, node):
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def write_displayed_math(writer, node):
    formula = convert(node.astext(), display="block")
    # A formula that is wider than a phone scrolls, and can be scrolled by the keyboard too.
    writer.body.append(f'<div class="formula" tabindex="0">{formula}</div>')
    raise nodes.SkipNode


def shorten_signature(app, what, name, obj, options, signature, returned):
    """Keep the first parameters of a long signature: all of them are described below it."""
    parameters = re.split(r", (?=\*?\w+(?:[=:]|$|\)))", (signature or "")[1:-1])
    if len(parameters) > 8:
        signature = f"({', '.join(parameters[:4])}, ...)"
    return signature, returned


def offer_colab(app, page, source):
    """Link an example to its notebook in Colab, where the gallery's own note stands."""
    folder, _, name = page.partition("/")
    if app.config.notebooks and folder == "auto_examples":
        address = f"https://colab.research.google.com/github/{app.config.notebooks}/{name}.ipynb"
        note = "to download the full example code"
        source[0] = source[0].replace(note, f"{note}, or `open it in Colab <{address}>`__", 1)


def keep_with_number(app, doctree):
    """Keep a per cent sign in the line of its number."""
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.literal | nodes.literal_block):
            kept = re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)
            text.parent.replace(text, nodes.Text(kept))


def name_columns(app, doctree):
    """Name the column of each cell, for phones, which show the cells of a row below each other."""
    for table in doctree.findall(nodes.table):
        head = table.next_node(nodes.thead)
        names = [entry.astext() for entry in head.findall(nodes.entry)] if head else []
        # Numbers scroll sideways. A second column alone needs no name at each cell.
        if len(names) > 2 and "figures" not in table["classes"]:
            table["classes"].append("named-cells")
            for row in table.next_node(nodes.tbody).findall(nodes.row):
                for name, entry in zip(names[1:], row[1:], strict=True):
                    if entry.children:
                        words = nodes.inline("", f"{name}: ", classes=["column-name"])
                        entry[0].insert(0, words)


def add_dark(app, doctree):
    """Add to a picture the one for dark pages, which is beside it if there is one."""
    for image in list(doctree.findall(nodes.image)):
        dark = "{}-dark{}".format(*splitext(image["uri"]))
        if Path(app.env.relfn2path(dark)[1]).exists():
            other = image.deepcopy()
            other["uri"] = dark
            for one, kind in ((image, "only-light"), (other, "only-dark")):
                one["classes"].append(kind)
            image.parent.insert(image.parent.index(image) + 1, other)


def enlarge(app, doctree):
    """Link pictures to their files, which a phone then shows larger."""
    for image in doctree.findall(nodes.image):
        # The gallery's cards, which show thumbnails, are links themselves.
        is_drawn = image["uri"].endswith(".png") and not image["uri"].endswith("_thumb.png")
        if is_drawn or "panels" in image["classes"]:
            # Sphinx makes these links for images whose size is set.
            image["width"] = "100%"


def mark_citations(app, page, template, context, doctree):
    """Mark references as items of a list, for screen readers: docutils' role is deprecated."""
    body = context.get("body", "")
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def break_names(app, page, template, context, doctree):
    """Let long names break between their words: in headings, code and lists of pages."""
    long = re.compile(r"\w{20,}")
    place = re.compile(r'(<h1>|<span class="pre">|<a [^>]*internal[^>]*>)([^<]+)')

    def break_up(html):
        return long.sub(
            lambda found: re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=_)", "<wbr>", found[0]), html
        )

    def break_all(html):
        return place.sub(lambda found: found[1] + break_up(found[2]), str(html))

    context["body"] = break_all(context.get("body", ""))
    for near in filter(None, (context.get("prev"), context.get("next"))):
        near["title"] = break_up(near["title"])
    for name in ("generate_toctree_html", "generate_toc_html"):
        if make := context.get(name):
            context[name] = lambda *args, make=make, **options: break_all(make(*args, **options))


def describe(app, exception):
    """Write `llms.txt` and, if the address is known, `sitemap.xml`."""
    if exception or app.builder.name != "html":
        return
    pages = sorted(name for name in app.env.found_docs if not name.endswith("404"))
    base = app.config.html_baseurl
    listed = [f"# {app.config.project}\n\n> {app.config.html_short_title}\n\n## Pages\n\n"]
    for name in pages:
        if not name.startswith(("generated/", "auto_examples/", "changelog")):
            title = app.env.titles[name].astext()
            source = Path(app.env.doc2path(name)).suffix
            listed.append(f"- [{title}]({base}_sources/{name}{source}.txt)\n")
    out = Path(app.outdir)
    (out / "llms.txt").write_text("".join(listed), encoding="utf-8")
    if base:
        rows = "".join(f"<url><loc>{escape(base + name)}.html</loc></url>\n" for name in pages)
        kind = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset {kind}>\n{rows}</urlset>\n'
        (out / "sitemap.xml").write_text(text, encoding="utf-8")


def publish_report(app, exception):
    """Move the report that an example writes beside the pages, which link to it."""
    report = Path(app.srcdir).parent / "examples" / "report.html"
    if not exception and app.builder.name == "html" and report.exists():
        shutil.move(report, Path(app.outdir, report.name))


def setup(app):
    app.add_html_math_renderer("mathml", (write_math, None), (write_displayed_math, None))
    app.add_config_value("notebooks", "", "env", str)
    app.connect("source-read", offer_colab)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("doctree-read", keep_with_number)
    app.connect("doctree-read", name_columns)
    # Before Sphinx notes which pictures there are, at the default priority of 500.
    app.connect("doctree-read", add_dark, priority=400)
    app.connect("doctree-read", enlarge)
    app.connect("html-page-context", mark_citations)
    # The theme makes the sidebar at the default priority of 500.
    app.connect("html-page-context", break_names, priority=900)
    app.connect("build-finished", describe)
    app.connect("build-finished", publish_report)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
