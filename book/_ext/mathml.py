"""Sphinx extension: formulas become MathML when the book is built, so a page needs no script to show them.

Temml (vendor/temml, MIT) turns TeX into MathML inside an embedded JavaScript engine. A formula it cannot read is a warning,
and so an error in this book's build.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import live_host
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

TEMML = Path(__file__).parent / "vendor" / "temml" / "temml.min.js"
javascript = live_host.of_package("javascript")
LOGGER = logging.getLogger(__name__)
# Beside words Temml puts spaces around an operator, and a browser then adds the operator's own: once is enough.
SPACED_TWICE = re.compile(r'(<mspace width="[\d.]+em"></mspace>)<mo>([^<]+)</mo>(?=\1)')

# Firefox draws these as large as a sum in a display.
ENLARGED = re.compile(r"<mo>([⊙⊕⊗])</mo>")


@cache
def temml() -> Callable[..., object]:
    return javascript.function(TEMML.read_text(encoding="utf-8"), "temml.renderToString")


@cache
def mathml(tex: str, *, display: bool) -> str:
    """`tex` as a <math> element. ValueError, with the place and the reason, where Temml cannot read it."""
    options = {"displayMode": display, "wrap": "tex", "throwOnError": True, "strict": True}
    try:
        made = temml()(tex, options)
    except javascript.Error as error:
        reason = str(error).split("ParseError:", 1)[-1].split("\n    at ", 1)[0]
        raise ValueError(" ".join(reason.replace("\u0332", "").split())) from error  # Temml underlines the place
    made = SPACED_TWICE.sub(r'\1<mo lspace="0em" rspace="0em">\2</mo>', made)
    return ENLARGED.sub(r'<mo largeop="false">\1</mo>', made)


def aligned(tex: str) -> str:
    """Several lines in one $$ block, or &, mean an aligned display, as they do under Sphinx's other renderers."""
    return tex if r"\begin" in tex or r"\\" not in tex else rf"\begin{{aligned}}{tex}\end{{aligned}}"


def side_by_side(tex: str) -> list[str]:
    r"""The formulas that \qquad sets beside one another on one line; each can then have a line of its own on a narrow page."""
    if r"\begin" in tex:
        return [tex]
    parts, depth = [""], 0
    for piece in re.split(r"(\\qquad\b|\\.|[{}])", tex, flags=re.DOTALL):
        depth += (piece == "{") - (piece == "}")
        if piece == r"\qquad" and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(rendered(node, node.astext(), display=False))
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    names = "".join(f' id="{name}"' for name in node["ids"][:1])
    formulas = [rendered(node, tex, display=True) for tex in side_by_side(node.astext())]
    several = " several" if len(formulas) > 1 else ""
    self.body.append(f'<div class="formula{several}"{names}>{" ".join(formulas)}</div>\n')
    raise nodes.SkipNode


def rendered(node: nodes.Element, tex: str, *, display: bool) -> str:
    try:
        return mathml(aligned(tex) if display else tex, display=display)
    except ValueError as error:
        LOGGER.warning("formula %r cannot be read: %s", tex, error, location=node, type="mathml")
        return f"<code>{nodes.unescape(tex)}</code>"


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
