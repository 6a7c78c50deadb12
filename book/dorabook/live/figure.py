"""What every live figure is: an ipywidget under a kernel, HTML that says the same without one.

A figure's state is its traits tagged `state=True`; it has no custom messages. `describe(state)` in the figure's own
JavaScript makes the sentence and the table from that state alone, and Python asks it through QuickJS. Displayed, a figure
gives the widget for a live front end, HTML with the sentence, the numbers and the state as JSON for everyone else, and the
sentence as plain text. A reader's kernel may lack QuickJS: there the widget says the sentence, and Python only names the figure.
"""

import hashlib
import html
import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple

import anywidget
from traitlets import Unicode

from ..text import stored
from . import _esm
from .traits import Matrix

try:
    from .. import javascript
except ImportError:  # no QuickJS here
    javascript = None

_ID = re.compile(r"[a-z][a-z0-9-]*")


class Description(NamedTuple):
    """What a state says: one sentence, and the numbers as a table of strings."""

    sentence: str
    columns: list[str]
    rows: list[list[str]]


@cache
def _asked(figure: str) -> Callable[[Any], list]:
    return javascript.function(*_esm.describing(figure))


@lru_cache(maxsize=64)
def _described(figure: str, state: str) -> Description:
    return Description(*_asked(figure)(json.loads(state)))


class LiveFigure(anywidget.AnyWidget):
    """Base class. A subclass names its module (`figure = "norm-explorer"` for norm_explorer.js), has
    traits tagged `sync=True, state=True`; the module exports `describe(state)`."""

    figure: ClassVar[str] = ""
    _ipython_display_ = None  # ipywidgets 7, as in Colab, shows a widget by this, and then its words are nowhere
    id = Unicode(help="Names the figure on its page and in links: #hero=per:input").tag(sync=True)

    def __init_subclass__(cls, **options: Any) -> None:
        if "figure" in cls.__dict__:  # not the class that ipywidgets makes of every instance
            cls._esm, cls._css = _esm.afm(cls.figure), _esm.css(cls.figure)
        super().__init_subclass__(**options)

    def __init__(self, *, id: str = "", **traits: Any) -> None:
        if unknown := sorted(set(traits) - set(self.state_traits()) - {"layout"}):
            known = ", ".join(self.state_traits())
            raise TypeError(f"{type(self).__name__} has no {unknown[0]!r}: its options are id, {known}")
        if id and not _ID.fullmatch(id):
            raise ValueError(f'id is {id!r}, expected small letters, digits and dashes, a letter first: "hero"')
        super().__init__(**traits)
        self.id = id or f"{self.figure}-{hashlib.sha1(_compact(self.state()).encode()).hexdigest()[:6]}"

    @classmethod
    def state_traits(cls) -> dict:
        return cls.class_traits(state=True)

    def allowed(self) -> dict[str, Any]:
        """What a link may set, by trait: what a control of the figure can, within its ends. A trait tagged `given` has none."""
        traits = self.state_traits().items()
        return {
            name: trait.allowed()
            for name, trait in traits
            if hasattr(trait, "allowed") and "given" not in trait.metadata
        }

    def state(self, *, instead: dict[str, Any] | None = None) -> dict[str, Any]:
        """The state as a page keeps it: plain JSON, numbers to four significant digits.

        `instead` gives what a page keeps in place of a trait, or beside them.
        """
        kept = {name: getattr(self, name) for name in self.state_traits() if name not in (instead or {})}
        return {name: _plain(value) for name, value in {**kept, **(instead or {})}.items()}

    @classmethod
    def describe(cls, state: dict[str, Any]) -> Description:
        """What the figure's own module says of a state; the figure's name alone where there is no QuickJS to ask it through."""
        return _described(cls.figure, _compact(state)) if javascript else Description(cls.__name__, [], [])

    @property
    def sentence(self) -> str:
        return self.describe(self.state()).sentence

    def __repr__(self) -> str:
        return self.sentence

    def to_html(self) -> str:
        """The figure for a page: sentence, numbers, and the state that the page's script brings to life."""
        state = self.state()
        said = self.describe(state)
        data = _compact({"allowed": self.allowed(), "state": state})
        return (
            f'<figure class="dora-figure" id="{self.id}" data-figure="{self.figure}">\n'
            f"<figcaption>{html.escape(said.sentence)}</figcaption>\n{_table(said)}"
            f'<script type="application/json">{_for_script(data)}</script>\n</figure>'
        )

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        widget = super()._repr_mimebundle_(**options)
        data, metadata = widget if isinstance(widget, tuple) else (widget or {}, {})
        return {**data, "text/html": self.to_html(), "text/plain": repr(self)}, metadata


def _table(said: Description) -> str:
    if not said.columns:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in said.columns)
    body = "".join(map(_row, said.rows))
    return f'<table class="dora-table"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n'


def _row(cells: list[str]) -> str:
    first, *rest = (html.escape(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>\n"


def _plain(value: Any) -> Any:
    if Matrix.is_matrix(value):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return stored(value) if isinstance(value, float) else value


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _for_script(text: str) -> str:
    """JSON that no HTML parser can mistake for the end of its script element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
