"""A figure is read on its own ground, live and as it is stored, whatever a notebook front end or the system puts behind it."""

from itertools import product

import pytest
from support.contrast import faint
from support.live_page import open_figures, settle, stored

PANEL = ".cell-output-ipywidget-background"  # VS Code's frame around a widget
VSCODE = {  # theme: (ground, text) of the editor
    "vscode-dark": ("#1f1f1f", "#cccccc"),
    "vscode-light": ("#ffffff", "#3b3b3b"),
    "vscode-high-contrast": ("#000000", "#ffffff"),
    "vscode-high-contrast-light": ("#ffffff", "#292929"),
}
PANELS = {
    "white": f"{PANEL} {{ background: white !important; }}",
    "clear": f"{PANEL} {{ background: none !important; }}",
}


def page_style(ground: str, text: str) -> str:
    return f"html, html[data-theme] {{ background: {ground}; }} body {{ background: {ground}; color: {text}; }}"


WHITE, BLACK = page_style("#ffffff", "#000000"), page_style("#111111", "#eeeeee")
# name: (the system's scheme, attributes of html, of body, its style). A page that says its theme stands under the other system.
HOSTS = {
    "the book, light": ("dark", {"data-theme": "light"}, {}, WHITE),
    "the book, dark": ("light", {"data-theme": "dark"}, {}, page_style("#14171c", "#dfe2e7")),
    "white under a dark system": ("dark", {}, {}, WHITE),
    "black under a light system": ("light", {}, {}, BLACK),
    "Notebook 6": (
        "dark",
        {},
        {"class": "notebook_app command_mode"},
        # of notebook 6.5.7, static/style/style.min.css
        f"{WHITE} .rendered_html tbody tr:nth-child(odd) {{ background: #f5f5f5; }} .rendered_html tr, .rendered_html th, .rendered_html td {{ color: black; }}",
    ),
    "JupyterLab, light": ("dark", {}, {"data-jp-theme-light": "true"}, WHITE),
    "JupyterLab, dark": ("light", {}, {"data-jp-theme-light": "false"}, BLACK),
    "Colab, light": ("dark", {"theme": "light"}, {}, WHITE),
    "Colab, dark": ("light", {"theme": "dark"}, {}, page_style("#383838", "#d5d5d5")),
    **{
        f"VS Code, {theme}, its panel {panel}": (
            "dark" if "light" in theme else "light",
            {},
            {"class": f"{theme} vscode-high-contrast" if "contrast" in theme else theme, "data-vscode-theme-kind": theme},
            f"{page_style(*VSCODE[theme])} {PANELS[panel]}",
        )
        for theme, panel in product(VSCODE, PANELS)
    },
}  # fmt: skip

# Every figure twice, as a widget's view stands in a notebook and as it is stored.
APART = """(panel) => {
    for (const figure of document.querySelectorAll("figure[data-figure]")) {
        const view = document.createElement("div"), stored = document.createElement("div");
        view.className = panel.slice(1);
        view.append(...figure.querySelector(".dora-mount").childNodes);
        stored.className = "rendered_html";
        figure.replaceWith(view, stored);
        stored.append(figure);
        figure.querySelector(".dora-mount").remove();
        delete figure.dataset.ready;
        for (const child of figure.children) child.hidden = false;
    }
    for (const details of document.querySelectorAll("details")) details.open = true;
}"""
DRESS = """([html, body, style]) => {
    for (const [node, attributes] of [[document.documentElement, html], [document.body, body]]) {
        for (const { name } of [...node.attributes]) if (name !== "lang") node.removeAttribute(name);
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    }
    document.querySelector("#host").textContent = style;
}"""


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory):
    """A page with every figure that the chapters show."""
    page = open_figures(browser, *stored().values(), folder=tmp_path_factory.mktemp("page"), reduced_motion="reduce")
    for figure in page.locator("figure[data-figure]").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".dora[data-ready]").wait_for()
    page.evaluate(APART, PANEL)
    page.evaluate("document.head.append(Object.assign(document.createElement('style'), { id: 'host' }))")
    yield page
    page.context.close()


@pytest.mark.parametrize("host", HOSTS)
def test_every_word_is_read_on_the_figures_own_ground(host, notebook):
    scheme, *dress = HOSTS[host]
    notebook.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    notebook.evaluate(DRESS, dress)
    settle(notebook)
    assert faint(notebook.locator("main")) == []
