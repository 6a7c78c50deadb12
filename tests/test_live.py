"""What every live figure has: the three forms of one state, the page's host, links, failure, accessibility."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import live_host
import pytest
from dorabook import javascript, live
from dorabook.live import FigureBox, LiveFigure, NormExplorer, TrainingRace
from dorabook.live import figure as live_figure
from dorabook.live.figure import Description
from IPython.core.formatters import DisplayFormatter
from ipywidgets import DOMWidget
from playwright.sync_api import expect
from sphinx.application import Sphinx
from support.live_page import Core, modules, settle, stored, stored_states
from support.pages import unclean

esm = live_host.joiner()
FAR = '<div style="height: 4000px"></div>'


def status(page, figure: str = "") -> str:
    settle(page)
    return page.locator(f"{'#' + figure if figure else ''} [role=status]").inner_text()


# Joining modules


def write(folder, **modules_) -> None:
    folder.mkdir()
    for name, text in modules_.items():
        (folder / f"{name}.js").write_text(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(esm, "FOLDER", tmp_path)
    return tmp_path


def test_modules_are_joined_once_each_and_their_names_stay_apart(folder, browser):
    write(
        folder / "figure_a",
        base='const secret = 1;\nexport function one() { return secret; }\n',
        left='import { one } from "./base.js";\nconst secret = 10;\nexport const left = () => one() + secret;\n',
        figure_a='import {\n  left as other,\n} from "./left.js";\nimport { one } from "./base.js";\nconst secret = 100;\n'
        "export default { render: () => [one(), other(), secret] };\n",
    )  # fmt: skip
    text = esm.afm("figure-a")
    assert text.count("const $figure_a_base") == 1
    assert text.index("$figure_a_base =") < text.index("$figure_a_left =") < text.index("$figure_a_figure_a =")
    page = browser.new_page()
    assert page.evaluate(
        f"import('data:text/javascript,' + encodeURIComponent({json.dumps(text)})).then(m => m.default.render())"
    ) == [1, 11, 100]
    page.close()


def test_data_of_the_package_is_joined_by_its_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(esm, "FOLDER", tmp_path / "live")
    (tmp_path / "live").mkdir()
    (tmp_path / "rules.json").write_text('{\n "most": 8,\n "export": "import { x } from"\n}')
    write(
        tmp_path / "live" / "figure",
        figure='import { most as least } from "../../rules.json";\nexport const found = () => least;\n',
    )
    entry = tmp_path / "live" / "figure" / "figure.js"
    assert list(esm.modules(entry)) == [tmp_path / "rules.json", entry]
    assert javascript.function(f"{esm.definitions(entry)}\nconst {{ found }} = $figure_figure;", "found")() == 8
    entry.write_text('import most from "../../rules.json";\n')
    with pytest.raises(ValueError, match=r"figure\.js, line 1: cannot join 'import most from"):
        esm.definitions(entry)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import * as all from "./base.js";\n', "figure.js, line 1: cannot join 'import \\* as all"),
        ('\nimport "elsewhere";\n', "figure.js, line 2"),
        ("const a = 1;\nexport { a };\n", "figure.js, line 2"),
        ("export let a = 1;\n", "figure.js, line 1"),
        ('import { figure } from "./figure.js";\n', "figure.js imports itself"),
    ],
)
def test_a_form_that_cannot_be_joined_is_named(folder, text, message):
    write(folder / "figure", base="export const one = 1;\n", figure=text)
    with pytest.raises(ValueError, match=message):
        esm.afm("figure")


def test_every_figure_is_one_afm_module_with_nothing_left_to_import():
    for name in esm.figures():
        text = esm.afm(name)
        assert re.findall(r"^(?:import|export)\b.*", text, re.MULTILINE) == [
            f"export default {esm.variable(esm.source(name))}.default;"
        ]


@pytest.mark.parametrize("name", esm.figures())
def test_a_notebook_gets_pixels_for_rems(name):
    sheet = esm.css(name)
    assert not re.search(r"\drem\b", sheet)
    assert ".dora { padding: 12px 16px; border-radius: 8px; }" in sheet


def test_the_page_script_is_classic_and_needs_no_eval():
    text = live_host.script()
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    assert not re.search(r"\beval\(|new Function|new Blob|\bfetch\(|innerHTML|XMLHttpRequest|document\.write", text)
    for module in ["$core_text", "$core_matrix", "$ui_dom"]:
        assert text.count(f"const {module} =") == 1


# Three forms of one state


def bundle(figure: LiveFigure) -> dict:
    data, _ = figure._repr_mimebundle_()
    return data


def test_a_figure_is_displayed_in_three_forms():
    data = bundle(NormExplorer(id="hero"))
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert data["text/plain"] == repr(NormExplorer()) == NormExplorer().sentence


def test_a_front_end_of_ipywidgets_7_gets_the_same_three_forms(monkeypatch):
    """There a widget displays itself, and IPython asks for nothing else, unless the figure declines."""
    monkeypatch.setattr(DOMWidget, "_ipython_display_", lambda self: None, raising=False)
    figure = NormExplorer(id="hero")
    data, _ = DisplayFormatter().format(figure)
    assert data == bundle(figure)


def test_what_is_stored_is_the_same_every_time():
    first, second = NormExplorer(poke=1.5), NormExplorer(poke=1.5)
    assert bundle(first)["text/html"] == bundle(second)["text/html"]
    assert first.id == second.id != NormExplorer().id
    assert "0x" not in bundle(first)["text/html"] + repr(first)
    assert re.fullmatch(r"norm-explorer-[0-9a-f]{6}", first.id)


class Parsed(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text, self.script, self._in = [], [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_data(self, data):
        if self._in == "script":
            self.script += data
        else:
            self.text.append(data)

    def handle_endtag(self, tag):
        self._in = ""


def test_the_html_holds_sentence_numbers_and_state():
    figure = NormExplorer(id="hero")
    page = Parsed(figure.to_html())
    assert page.tags[0] == ("figure", {"class": "dora-figure", "id": "hero", "data-figure": "norm-explorer"})
    assert figure.sentence in page.text
    assert sum(tag == "tr" for tag, _ in page.tags) == 1 + 9
    assert json.loads(page.script)["state"] == figure.state()
    ET.fromstring(figure.to_html())  # well formed, so no parser closes it elsewhere


def test_no_text_of_a_figure_can_leave_its_place():
    class Odd(LiveFigure):
        figure = "norm-explorer"

        def state(self):
            return {"word": "</script><img src=x onerror=alert(1)>&amp;"}

        @staticmethod
        def describe(state):
            return Description("<b>3 & 4</b>", ("<i>",), (("<u>", "&"),))

    text = Odd(id="odd").to_html()
    assert "<b>" not in text and "<img" not in text and text.count("</script>") == 1
    page = Parsed(text)
    assert json.loads(page.script)["state"]["word"] == "</script><img src=x onerror=alert(1)>&amp;"
    assert "<b>3 & 4</b>" in page.text


def test_a_state_keeps_four_significant_digits():
    figure = NormExplorer([[1.23456789, -0.000123456789], [123456.789, 2.0]])
    assert figure.state()["weight"] == [[1.235, -0.0001235], [123500, 2]]
    digits = re.findall(r"\d+\.\d+", Parsed(figure.to_html()).script)
    assert digits and all(len(number.replace(".", "").lstrip("0")) <= 4 for number in digits)


CLASSES = {one.figure: one for one in vars(live).values() if isinstance(one, type) and getattr(one, "figure", "")}


@pytest.mark.parametrize("figure", esm.figures())
def test_a_browser_says_what_python_is_told(browser, figure):
    """Two engines, Chromium's and QuickJS, on one module: of every state that a chapter stores, and of a race on its way."""
    states = [
        *stored_states(figure),
        *([TrainingRace(output=1, seed=3, steps=30).state()] if figure == "training-race" else []),
    ]
    module = f"{figure}/{figure}".replace("-", "_")
    page = modules(browser, module)
    call = f"(states) => states.map((state) => {{ const d = modules['{module}'].describe(state); return [d.sentence, d.columns, d.rows]; }})"
    assert states
    assert page.evaluate(call, states) == [list(CLASSES[figure].describe(state)) for state in states]
    page.close()


def test_a_kernel_without_quickjs_shows_a_figure_by_its_name_and_a_page_brings_it_to_life(show, monkeypatch):
    figure, whole = NormExplorer(id="hero", poke=1.5), NormExplorer(id="hero", poke=1.5).sentence
    monkeypatch.setattr(live_figure, "javascript", None)
    data = bundle(figure)
    assert data["text/plain"] == repr(figure) == figure.sentence == repr(FigureBox([figure])) == "NormExplorer"
    assert "application/vnd.jupyter.widget-view+json" in data
    page = Parsed(data["text/html"])
    assert [tag for tag, _ in page.tags] == ["figure", "figcaption", "script"]
    assert json.loads(page.script)["state"] == figure.state()
    assert status(show(data["text/html"])) == whole


def test_an_unknown_option_or_a_bad_id_is_named():
    with pytest.raises(TypeError, match="NormExplorer has no 'axis': its options are id, fan_in_fan_out"):
        NormExplorer(axis=1)
    for bad in ["Hero", "1st", "a b", 'x"y', "a&b", "-a"]:
        with pytest.raises(ValueError, match="expected small letters"):
            NormExplorer(id=bad)


def test_python_and_the_page_know_the_same_state():
    """The module's own list of state names: what the page reads is what Python gives, large weight or small."""
    pattern = re.compile(r"export const KEYS = \[(.*?)\];", re.DOTALL)
    keys = set(re.findall(r'"(\w+)"', pattern.search(esm.source("norm-explorer").read_text())[1]))
    large = NormExplorer([[1.0] * 90] * 50)
    assert keys == set(NormExplorer().state()) | set(large.state())


NUMBERS = [
    0,
    -0.0,
    1,
    5,
    1.005,
    1.1249999999999998,  # 1.125 but for rounding: both write 1.13
    2.5,
    0.125,
    1.335,
    0.9996,
    9.995,
    99.95,
    999.5,
    0.00012345,
    -0.05,
    -3.14159,
    12345.678,
    1e-9,
    1e6,
    2 / 3,
]


def test_both_languages_write_numbers_alike():
    from dorabook import text

    page = Core("core/text")
    values = NUMBERS + [-value for value in NUMBERS] + [1 / 7**k for k in range(-6, 9)]
    for name in ("number", "settled"):
        assert page.evaluate(f"values => values.map(modules['core/text'].{name})", values) == [
            getattr(text, name)(v) for v in values
        ]
    for digits in range(5):
        answer = page.evaluate(
            "([values, digits]) => values.map((v) => modules['core/text'].fixed(v, digits))", [values, digits]
        )
        assert answer == [text.fixed(value, digits) for value in values]
    counts = [0, 1, 2, 999, 1000, 78_307_200]
    assert page.evaluate("counts => counts.map((n) => modules['core/text'].plural(n, 'row'))", counts) == [
        text.plural(n, "row") for n in counts
    ]


def test_numbers_read_as_a_person_would_write_them():
    from dorabook.text import fixed, number, plural

    assert [number(v) for v in (0, -0.0, 5.0, 2 / 3, -1.5, 123.4, 0.02468)] == [
        "0",
        "0",
        "5",
        "0.667",
        "\u22121.5",
        "123",
        "0.0247",
    ]
    assert (fixed(0.5, 0), fixed(-0.004, 2), fixed(2.50, 2)) == ("1", "0", "2.5")
    assert (plural(1, "output"), plural(4, "output"), plural(1024, "output")) == (
        "1 output",
        "4 outputs",
        "1,024 outputs",
    )


# The page


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_figure_lives_with_no_request_and_no_complaint(show, from_disk):
    figure = NormExplorer(id="hero")
    page = show(figure, from_disk=from_disk)
    assert status(page) == figure.sentence
    page.get_by_role("radio", name="input", exact=True).check()
    figure.per = "input"
    assert status(page) == figure.sentence
    assert page.problems == []
    assert not page.locator("figure > figcaption, figure > table").first.is_visible()


def test_figures_on_one_page_do_not_share_their_state(show):
    page = show(NormExplorer(id="one"), NormExplorer(id="two"), NormExplorer(id="two"))
    page.wait_for_function("document.querySelectorAll('figure[data-ready=true]').length === 3")
    page.locator("#one").get_by_role("radio", name="input", exact=True).check()
    assert status(page, "one") == NormExplorer(per="input").sentence
    assert status(page, "two") == NormExplorer().sentence
    ids = page.evaluate("[...document.querySelectorAll('figure')].map((node) => node.id)")
    assert len(set(ids)) == 3


def test_a_figure_below_the_fold_waits_until_it_is_near(show):
    page = show(NormExplorer(id="near"), NormExplorer(id="far"), between=FAR)
    settle(page)
    assert page.locator("#far .dora").count() == 0
    assert page.locator("#far figcaption").inner_text() == NormExplorer().sentence
    page.locator("#far").scroll_into_view_if_needed()
    page.wait_for_selector("#far[data-ready=true]")
    assert status(page, "far") == NormExplorer().sentence


def test_without_script_the_sentence_and_the_numbers_are_there(show):
    page = show(NormExplorer(id="hero"), ready=False, script=False)
    assert page.locator("figcaption").inner_text() == NormExplorer().sentence
    assert page.get_by_role("row").count() == 10
    assert page.get_by_role("cell", name="7", exact=True).count() == 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"weight":[[', '"weight":[7,[', "could not come alive"),
        ('data-figure="norm-explorer"', 'data-figure="nothing"', "no figure is called nothing"),
        ('"state":{', '"state":{,', "JSON"),
    ],
)
def test_a_figure_that_throws_leaves_its_sentence_and_table(show, old, new, says):
    html = NormExplorer(id="broken").to_html()
    assert old in html
    page = show(html.replace(old, new), NormExplorer(id="well"), ready=False)
    page.wait_for_selector("#broken[data-ready=failed]")
    assert says in page.locator("#broken .dora-error").inner_text()
    assert page.locator("#broken > figcaption").is_visible() and page.locator("#broken > table").is_visible()
    assert page.locator("#broken .dora").count() == 0
    page.wait_for_selector("#well[data-ready=true]")
    assert status(page, "well") == NormExplorer().sentence


def test_a_figure_that_throws_later_falls_back_too(show):
    html = NormExplorer([[1.0] * 90] * 50, id="large").to_html()
    page = show(re.sub(r'"across":\{"input":\[.*?\],', '"across":{', html))
    assert page.problems == []
    page.get_by_role("radio", name="input", exact=True).evaluate("node => node.click()")
    page.wait_for_selector("#large[data-ready=failed]")
    assert page.locator("#large > table").is_visible()
    assert len(page.problems) == 1  # the error itself, for whoever looks into it


def test_only_pages_with_a_figure_load_the_script(tmp_path):
    source, target = tmp_path / "source", tmp_path / "html"
    source.mkdir()
    (source / "conf.py").write_text('extensions = ["live_host"]\nhtml_theme = "basic"\n')
    (source / "index.rst").write_text("Start\n=====\n\n.. toctree::\n\n   with\n")
    html = NormExplorer(id="hero").to_html().replace("\n", "\n   ")
    (source / "with.rst").write_text(f"With\n====\n\n.. raw:: html\n\n   {html}\n")
    Sphinx(source, source, target, tmp_path / "trees", "html", status=None, warningiserror=True).build()
    for page, loads in [("index", False), ("with", True)]:
        text = (target / f"{page}.html").read_text()
        for name in (live_host.SCRIPT, live_host.STYLE):
            assert (f"_static/{name}" in text) == loads
            assert (target / "_static" / name).exists()


# Links


def link_of(page, figure: str = "hero") -> str:
    page.locator(f"#{figure}").get_by_role("button", name=re.compile("Copy link|Link copied")).click()
    return page.locator(f"#{figure}").get_by_label("Link to this state").input_value()


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_link_opens_the_figure_as_it_was_left(show, from_disk):
    page = show(NormExplorer(id="hero"), from_disk=from_disk)
    page.get_by_role("radio", name="input", exact=True).check()
    page.get_by_role("slider", name="Poke").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("slider", name="weight of output 0 from input 2").focus()
    page.keyboard.press("ArrowUp")
    said = status(page)
    link = link_of(page)
    assert link.split("#")[1] == "hero=per:input;poke:1.05;weight:0.2~-3.9"
    assert page.evaluate("location.href") == link
    again = show(NormExplorer(id="hero"), from_disk=from_disk, hash="#" + link.split("#")[1])
    assert status(again) == said
    assert again.problems == page.problems == []
    again.get_by_role("button", name="Reset").click()
    assert status(again) == NormExplorer().sentence
    assert link_of(again).split("#")[1] == "hero"


def test_a_link_holds_every_figure_that_was_changed_and_shows_its_own(show):
    page = show(NormExplorer(id="one"), NormExplorer(id="two"), between=FAR)
    page.get_by_role("radio", name="input", exact=True).first.check()
    page.locator("#two").scroll_into_view_if_needed()
    page.wait_for_selector("#two[data-ready=true]")
    page.locator("#two").get_by_role("radio", name="True").check()
    settle(page)
    hash = link_of(page, "two").split("#")[1]
    assert hash == "two=fan_in_fan_out:true&one=per:input"
    again = show(NormExplorer(id="one"), NormExplorer(id="two"), between=FAR, hash=f"#{hash}")
    again.wait_for_selector("#two[data-ready=true]")
    assert again.evaluate("scrollY") > 3000
    assert status(again, "two") == NormExplorer(fan_in_fan_out=True).sentence


def test_a_link_inside_the_page_sets_the_figure(show):
    page = show(NormExplorer(id="hero"), '<a href="#hero=storage:in%2Cout;fan_in_fan_out:true">as Conv1D stores it</a>')
    page.get_by_role("link").click()
    assert status(page) == NormExplorer(storage="in,out", fan_in_fan_out=True).sentence


SENSELESS = [
    "#hero=per:column", "#hero", "#hero=", "#=", "#hero=per", "#hero=per:__proto__", "#hero=__proto__:1", "#hero=constructor:1",
    "#hero=poke:99", "#hero=poke:NaN", "#hero=poke:1e999", "#hero=poke:", "#hero=output:0.5", "#hero=output:-1", "#hero=fan_in_fan_out:1",
    "#hero=weight:9.9~1", "#hero=weight:0~1", "#hero=weight:0.0~x", "#hero=weight:0.0.0~1", "#hero=weight:length~3", "#hero=weight:~",
    "#hero=per:%E0%A4%A", "#other=per:input", "#hero=<img src=x onerror=alert(1)>", "#" + "a=b&" * 500, "#hero=weight:0.0~1e300",
]  # fmt: skip


def test_a_link_that_makes_no_sense_leaves_the_figure_as_it_starts(show):
    """Opened with the first; test_security.py opens pages with hostile ones."""
    page = show(NormExplorer(id="hero"), hash=SENSELESS[0])
    for hash in SENSELESS:
        page.evaluate("(hash) => { location.hash = hash; }", hash)
        assert status(page).endswith(NormExplorer().sentence), hash
    assert page.problems == []


def test_a_link_is_followed_whole_or_not_at_all_and_the_figure_says_so_until_it_is_used(show):
    page = show(NormExplorer(id="hero"), hash="#hero=per:input;poke:99;output:2")
    refused = "The link asks for poke:99, which this figure cannot show, so the figure stands as it starts."
    assert status(page) == f"{refused} {NormExplorer().sentence}"
    page.evaluate("location.hash = '#hero=per:input;output:2'")
    expect(page.get_by_role("status")).to_have_text(NormExplorer(per="input", output=2).sentence)
    page.evaluate("location.hash = '#hero=pre'")
    expect(page.get_by_role("status")).to_have_text(
        f"The link asks for pre, which this figure cannot show, so the figure stands as it starts. {NormExplorer().sentence}"
    )
    page.get_by_role("radio", name="input", exact=True).check()
    assert status(page) == NormExplorer(per="input").sentence


def test_a_link_brings_a_figure_back_that_has_failed(show):
    page = show(NormExplorer(id="hero"))
    page.evaluate(
        """() => {
            window.slice = Float64Array.prototype.slice;
            Float64Array.prototype.slice = () => { throw new Error("broken"); };
        }"""
    )
    page.get_by_role("radio", name="input", exact=True).evaluate("(radio) => radio.click()")
    page.wait_for_selector("#hero[data-ready=failed]")
    page.evaluate("() => { Float64Array.prototype.slice = window.slice; location.hash = '#hero=per:input;poke:1.5'; }")
    page.wait_for_selector("#hero[data-ready=true]")
    assert status(page) == NormExplorer(per="input", poke=1.5).sentence
    assert page.locator(".dora-error").count() == 0 and page.locator(".dora-mount").count() == 1


def test_a_link_that_breaks_a_figure_gives_way_to_its_start(show):
    page = show(NormExplorer(id="hero"))
    page.evaluate(
        """() => {
            const slice = Float64Array.prototype.slice;
            let left = 1;
            Float64Array.prototype.slice = function (...part) { if (left-- > 0) throw new Error("broken"); return slice.apply(this, part); };
            location.hash = "#hero=poke:1.5";
        }"""
    )
    unread = "The link cannot be read, so the figure stands as it starts."
    expect(page.get_by_role("status")).to_have_text(f"{unread} {NormExplorer().sentence}")
    assert page.locator("#hero[data-ready=true] .dora-mount").count() == 1


def test_the_link_can_be_copied_by_hand_where_there_is_no_clipboard(show):
    page = show(NormExplorer(id="hero"))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    link_of(page)
    assert page.evaluate(
        "document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    ).endswith("#hero")
    assert page.problems == []


# For every reader


def test_keys_pressed_in_a_figure_stay_in_it(show):
    page = show(NormExplorer(id="hero"))
    page.evaluate("window.heard = []; document.addEventListener('keydown', (event) => heard.push(event.key))")
    page.get_by_role("slider", name="Poke").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("a")
    assert page.evaluate("heard") == []
    assert page.get_by_role("slider", name="Poke").input_value() == "1.05"


@pytest.mark.parametrize("name", ["direction-dial", "norm-explorer"])
def test_no_key_of_a_slider_scrolls_the_page(name, show):
    page = show(stored()[name])
    page.evaluate("() => { document.body.style.padding = '20rem 0 90rem'; scrollTo(0, 200); }")
    slider = page.locator("figure [role=slider]").first
    slider.focus()
    before = page.evaluate("scrollY")
    for key in ("End", "PageDown", "ArrowDown", "Home", "PageUp", "ArrowUp"):
        slider.press(key)
        settle(page)
        assert page.evaluate("scrollY") == before, key


def test_every_control_is_reached_by_tab_and_shows_its_focus(show):
    page = show(NormExplorer(id="hero"))
    page.get_by_text("Change the weight").click()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        inside, name, outline = page.evaluate("""() => {
            const node = document.activeElement, shown = node.type === "radio" ? node.parentElement : node;
            return [!!node.closest(".dora"), node.type === "radio" ? node.name : [...document.all].indexOf(node), getComputedStyle(shown).outlineStyle];
        }""")
        if inside:
            assert outline == "solid", name
            reached.append(name)
    # four radio groups, one cell, nine bars, poke, update, two summaries, five sliders, two buttons
    assert len(set(reached)) >= 4 + 1 + 9 + 2 + 2 + 5 + 2


STATES = [
    {}, {"per": "input", "poke": 1.5, "scaling": 0.6}, {"storage": "in,out", "poke": 1.5}, {"view": "direction", "scaling": 1},
    {"weight": [[1.0, -2.0, 0.5] * 30] * 64}, {"weight": [[0.1] * 90, [-0.2] * 90] * 30},
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_axe_finds_nothing(show, state):
    page = show(NormExplorer(id="hero", **state))
    page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    page.get_by_role("button", name="Copy link").click()
    settle(page)
    assert_clean(page)


def test_axe_finds_nothing_without_script(show):
    page = show(NormExplorer(id="hero").to_html().replace("norm-explorer", "nothing"), ready=False)
    page.wait_for_selector("[data-ready=failed]")
    assert_clean(page)


def assert_clean(page) -> None:
    assert unclean(page) == []


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_scrolls_sideways(show, width):
    figures = [NormExplorer(id=f"f{i}", **state) for i, state in enumerate(STATES)]
    page = show(*figures, width=width)
    for figure in figures:
        page.locator(f"#{figure.id}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{figure.id}[data-ready=true]")
        page.locator(f"#{figure.id} summary").last.click()
        page.locator(f"#{figure.id}").get_by_role("button", name="Copy link").click()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "[...document.querySelectorAll('.dora')].every((node) => node.scrollWidth <= node.clientWidth)"
    )


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 28)"


def ground(page) -> str:
    return page.locator(".dora").evaluate("node => getComputedStyle(node).backgroundColor")


@pytest.mark.parametrize(
    ("theme", "scheme", "expected"),
    [("light", "dark", LIGHT), ("dark", "light", DARK), (None, "light", LIGHT), (None, "dark", DARK)],
)
def test_the_theme_switch_wins_over_the_system(show, theme, scheme, expected):
    assert ground(show(NormExplorer(id="hero"), theme=theme, scheme=scheme)) == expected


def test_a_picture_on_canvas_follows_the_theme_switch(show):
    page = show(NormExplorer([[0.0] * 63 + [1.0]] * 64, id="hero"))
    pixel = "[...document.querySelector('.dora-ne-map').getContext('2d').getImageData(0, 0, 1, 1).data]"
    assert page.evaluate(pixel) == [255, 255, 255, 255]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert page.evaluate(pixel) == [24, 28, 34, 255]


def test_a_picture_on_canvas_has_its_colours_where_a_notebook_draws_it_before_it_shows_it(browser):
    page = modules(browser, "norm_explorer/norm_explorer")
    page.add_style_tag(content=esm.css("norm-explorer"))
    page.evaluate(
        """(state) => {
            const el = document.createElement("div"), none = () => {};
            modules['norm_explorer/norm_explorer'].default.render({ el, model: { get: (key) => state[key], set: none, on: none, off: none, save_changes: none } });
            document.body.append(el);
        }""",
        LiveFigure.state(NormExplorer([[0.0] * 63 + [1.0]] * 70)),  # the whole weight, which a page does not get
    )
    settle(page)
    first = "(name) => [...document.querySelector(name).getContext('2d').getImageData(1, 1, 1, 1).data]"
    assert page.evaluate(first, ".dora-ne-map") == [255, 255, 255, 255]
    assert page.evaluate(first, ".dora-ne-lane") == [213, 94, 0, 255]


def test_reduced_motion_and_forced_colours_are_respected(show):
    page = show(NormExplorer(id="hero", poke=1.5), reduced_motion="reduce", forced_colors="active")
    page.get_by_role("radio", name="(in, out)").check()
    settle(page)
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.problems == []


# In one document

COPIES = """(states) => states.forEach((state, copy) => {
    const model = { get: (name) => state[name], on() {}, off() {}, set() {}, save_changes() {} };
    const el = document.body.appendChild(document.createElement("div"));
    window.copies[copy].render({ model, el });
})"""


def test_figures_that_each_bring_a_copy_of_their_module_share_no_name(browser):
    """As in JupyterLab: there every figure's module is loaded anew, in one document."""
    page = browser.new_page()
    file = esm.source("norm-explorer")
    page.evaluate("() => { window.copies = []; }")
    for _ in range(2):
        text = f"{esm.definitions(file)}\nwindow.copies.push({esm.variable(file)}.default);"
        page.add_script_tag(content=f"(() => {{ {text} }})();")
    page.evaluate(COPIES, [NormExplorer(per=per).state() for per in ("output", "input")])
    chosen = page.get_by_role("group", name="One magnitude per").get_by_role("radio", checked=True)
    assert [radio.get_attribute("value") for radio in chosen.all()] == ["output", "input"]
