"""Equations as MathML, worked out by Docutils: pages need neither a script nor a network."""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml


def visit_inline(writer, node):
    """Write an equation within a line."""
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def visit_block(writer, node):
    """Write an equation of its own."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(tex2mathml(node.astext(), as_block=True))
    writer.body.append("</div>")
    raise SkipNode


def setup(app):
    """Add the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
