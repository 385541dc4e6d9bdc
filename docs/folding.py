"""Folds: what follows the first sentence of a description of a class opens on a click.

The methods of a class are then a table of their signatures, each with a sentence, and so are the
many parameters of `PLEClassifierRegressor`.
"""

import re

from class_pages import by_group, label
from docutils import nodes
from sphinx import addnodes

#: The class whose parameters are described once, for all estimators.
FLAGSHIP = "sklearn_ple.PLEClassifierRegressor"
#: A fold must save more than about a line.
FEWEST = 100
# The end of a sentence; what follows begins with a capital, a number or a quotation mark.
SENTENCE = re.compile(r"\.(?=\s+[A-Z0-9\"“])")


class Details(nodes.General, nodes.Element):
    """A description whose first child is always shown."""


class Summary(nodes.General, nodes.TextElement):
    """The first sentence of a description, which opens the others."""


def split(paragraph):
    """Return two paragraphs: the first sentence of one, and its others, of which none may be."""
    first, rest = nodes.paragraph(), nodes.paragraph()
    # Copies, since it depends on the length of the rest whether the paragraph is replaced.
    parts = list(paragraph.deepcopy().children)
    while parts:
        part = parts.pop(0)
        end = SENTENCE.search(part) if isinstance(part, nodes.Text) else None
        if end:
            first += nodes.Text(part[: end.end()])
            rest += [nodes.Text(part[end.end() :].lstrip()), *parts]
            break
        first += part
    return first, rest


def fold(description, first, others):
    """Replace a description by its first paragraph, and a fold with the others."""
    others = [part for part in others if part.children or part.rawsource]
    if sum(len(part.astext()) for part in others) > FEWEST:
        details = Details("", Summary("", "", *first.children), *others)
        description.clear()
        description += details


def fold_members(content):
    """Fold the methods and properties of a class, below a heading."""
    members = [part for part in content.children if isinstance(part, addnodes.desc)]
    for member in members:
        description = member.next_node(addnodes.desc_content)
        if description.children and isinstance(description[0], nodes.paragraph):
            fold(description, description[0], description.children[1:])
    if members:
        # Before the first is its entry in the index.
        place = content.index(members[0]) - 1
        content.insert(place, nodes.rubric("", "Methods and properties"))


def group_parameters(app, content):
    """Fold the parameters of a class, with a heading for each group and a label for each name."""
    fields = (part for part in content.findall(nodes.field) if part[0].astext() == "Parameters")
    body = next(fields)[1]
    entries = body.findall(nodes.definition_list_item)
    items = {item[0].astext().split()[0]: item for item in entries}
    body.clear()
    for group, names in by_group(items).items():
        body += nodes.rubric("", group)
        body += nodes.definition_list("", *(items[name] for name in names), classes=["simple"])
        for name in names:
            term, definition = items[name][0], items[name][-1]
            term["ids"].append(label(name))
            place = app.env.docname, label(name)
            app.env.domains.standard_domain.note_hyperlink_target(label(name), *place, name)
            first, rest = split(definition[0])
            fold(definition, first, [rest, *definition.children[1:]])


def fold_classes(app, doctree):
    for described in list(doctree.findall(addnodes.desc)):
        if described["objtype"] == "class":
            signature, content = described[0], described[-1]
            if f"{signature['module']}.{signature['fullname']}" == FLAGSHIP:
                group_parameters(app, content)
            for item in content.findall(nodes.definition_list_item):
                if item[0].astext() == "Shared parameters":
                    fold(item[1], item[1][0], item[1].children[1:])
            fold_members(content)


def enter(tag):
    return lambda writer, node: writer.body.append(f"<{tag}>")


def leave(tag):
    return lambda writer, node: writer.body.append(f"</{tag}>\n")


def setup(app):
    app.add_node(Details, html=(enter("details"), leave("details")))
    app.add_node(Summary, html=(enter("summary"), leave("summary")))
    app.connect("doctree-read", fold_classes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
