"""Names of this package, set as code on a page, lead to where they are documented."""

from docutils import nodes
from sphinx.addnodes import desc
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode


class LinkNames(SphinxPostTransform):
    """Make `code` that is the end of one documented name, and of no other, a link to it."""

    default_priority = 500

    def run(self):
        """Go through the code of a page."""
        objects = self.env.get_domain("py").objects
        # In docstrings, code is mostly of what is described there.
        elsewhere = (nodes.reference, nodes.title, desc)
        for literal in list(self.document.findall(nodes.literal)):
            if any(isinstance(parent, elsewhere) for parent in ancestors(literal)):
                continue
            found = matching(literal.astext().removesuffix("()"), objects)
            if found is not None:
                entry = objects[found]
                reference = make_refnode(
                    self.app.builder, self.env.docname, entry.docname, entry.node_id, []
                )
                literal.replace_self(reference)
                reference += literal


def ancestors(node):
    """The nodes that a node is in, from the nearest up."""
    while node.parent is not None:
        node = node.parent
        yield node


def matching(text, objects):
    """The documented name that is ``text`` or ends so, after a dot, if there is just one."""
    if not text.replace(".", "").isidentifier():
        return None
    if text in objects:
        return text
    # Methods only with their class, and functions of experiments not at all: their names alone
    # say too little.
    ends = [
        name
        for name, entry in objects.items()
        if name.endswith(f".{text}")
        and not entry.aliased
        and ("." in text or entry.objtype in ("class", "function"))
        and not (entry.objtype == "function" and name.startswith("nengo_pc.experiments."))
    ]
    if not ends and "." in text:  # attributes and options are described with their class
        return matching(text.rpartition(".")[0], objects)
    return ends[0] if len(ends) == 1 else None


def setup(app):
    """Add the transform."""
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
