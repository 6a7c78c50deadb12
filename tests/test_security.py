"""What a page, a file or an address from a stranger can do in the book: be shown as text, and nothing else."""

import http.client
import json
import re
import shutil
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import serve
import vendored
from dorabook.live import AxisDetective
from dorabook.text import clipped
from playwright.sync_api import Browser, Page, expect
from support.live_page import Core
from support.pages import parsed
from support.processes import answering

ROOT = Path(__file__).parents[1]
NEEDED = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "connect-src": ["'none'"],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
}


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def policy(page: Path) -> dict[str, list[str]]:
    [tag] = parsed(page).find_all("meta", attrs={"http-equiv": "Content-Security-Policy"})
    return {name: sources for name, *sources in (part.split() for part in tag["content"].split(";"))}


def size(page: Path) -> tuple[int, Path]:
    return page.stat().st_size, page


def kinds(site: Path) -> list[Path]:
    """The smallest page of every kind: by its template and by the scripts and figures it loads, and the start page."""
    found = {}
    for page in sorted(pages(site), key=size):
        soup = parsed(page)
        scripts = tuple(Path(one["src"]).name for one in soup.find_all("script", src=True))
        figures = {one["data-figure"] for one in soup.find_all(attrs={"data-figure": True})}
        found.setdefault((tuple(soup.body.get("class", [])), scripts, bool(figures)), page)
    assert len(found) > 4
    return list(found.values())


# ---- the policy of every page


def test_every_page_has_the_policy_before_anything_that_it_rules(site):
    for page in pages(site):
        said = policy(page)
        wanted = NEEDED if said.get("script-src") else {**NEEDED, "script-src": []}  # the start page has no script
        for name, sources in wanted.items():
            assert said.get(name, []) == sources, f"{page}: {name}"
        assert "form-action" in said, page
        head = [
            tag for tag in parsed(page).head.find_all(True) if tag.name in ("meta", "script", "link", "style", "base")
        ]
        ruled = [tag for tag in head if tag.name != "meta"]
        policies = [tag for tag in head if tag.get("http-equiv") == "Content-Security-Policy"]
        assert head.index(policies[0]) < head.index(ruled[0]), page


def test_no_page_has_what_the_policy_would_stop(site):
    for page in pages(site):
        soup = parsed(page)
        inline = [
            one for one in soup.find_all("script") if not one.get("src") and one.get("type") != "application/json"
        ]
        assert inline == [], page
        assert [one["src"] for one in soup.find_all("script", src=True) if re.match(r"[a-z]+:|//", one["src"])] == [], (
            page
        )
        assert [one for one in soup.find_all(True) if any(name.startswith("on") for name in one.attrs)] == [], page
        assert soup.find_all(["base", "iframe", "object", "embed", "frame"]) == [], page
        links = [value for one in soup.find_all(True) for name in ("href", "src", "action") if (value := one.get(name))]
        assert [link for link in links if re.match(r"\s*(javascript|vbscript|data:text)", link, re.I)] == [], page


RAN = "document.documentElement.dataset.ran = (document.documentElement.dataset.ran || '') + '{} '; void 0"  # a link that gives a text would replace the page
HOSTILE = {
    "script": "<script>{}</script>",
    "module": '<script type="module">{}</script>',
    "error": '<img src="data:," onerror="{}">',
    "load": '<svg onload="{}"></svg>',
    "toggle": '<details open ontoggle="{}"><summary>x</summary></details>',
    "focus": '<input autofocus onfocus="{}">',
    "animation": "<style>@keyframes x {{}}</style><b style='animation: x 1ms' onanimationstart=\"{}\">x</b>",
    "link": '<a id="hostile-link" href="javascript:{}">x</a>',
    "data": '<script src="data:text/javascript,{}"></script>',
    "frame": '<iframe srcdoc="<script>parent.{}</script>"></iframe>',
    "object": '<object data="data:text/html,<script>parent.{}</script>"></object>',
}
ELSEWHERE = (
    '<script src="https://evil.test/a.js"></script><link rel="stylesheet" href="https://evil.test/a.css">'
    '<img src="https://evil.test/a.png">'
)
PROBE = """
addEventListener("load", () => {
const seen = {};
const tried = (name, act) => { try { act(); seen[name] = "ran"; } catch { seen[name] = "stopped"; } };
tried("eval", () => eval("1"));
tried("Function", () => new Function("return 1")());
setTimeout("document.documentElement.dataset.ran = 'timer'");
document.body.insertAdjacentHTML("beforeend", `<img src="data:," onerror="document.documentElement.dataset.ran = 'inserted'">`);
const script = document.createElement("script");
script.text = "document.documentElement.dataset.ran = 'appended'";
document.body.append(script);
const base = document.createElement("base");
base.href = "https://evil.test/";
document.head.append(base);
seen.base = document.baseURI;
const blob = URL.createObjectURL(new Blob(["document.documentElement.dataset.ran = 'blob'"], { type: "text/javascript" }));
const late = [
  import(blob).then(() => "ran", () => "stopped"),
  fetch("https://evil.test/fetch").then(() => "ran", () => "stopped"),
  fetch(location.href).then(() => "ran", () => "stopped"),
  new Promise((done) => { const one = new XMLHttpRequest(); one.onload = () => done("ran"); one.onerror = () => done("stopped"); one.open("GET", location.href); one.send(); }),
  new Promise((done) => { try { const one = new Worker(blob); one.onerror = () => done("stopped"); one.onmessage = () => done("ran"); } catch { done("stopped"); } }),
];
Promise.all(late).then((ends) => {
  [seen.import, seen.fetch, seen.itself, seen.request, seen.worker] = ends;
  setTimeout(() => {
    document.documentElement.dataset.probe = JSON.stringify(seen);
    const form = document.createElement("form");
    form.action = "https://evil.test/form";
    document.body.append(form);
    form.submit();
  }, 200);
});
});
"""


@pytest.fixture(scope="module")
def planted(site, tmp_path_factory) -> tuple[Path, list[str]]:
    """A copy of the site, a page of each kind with everything hostile in it, and the names of these pages."""
    copy = shutil.copytree(site, tmp_path_factory.mktemp("planted") / "site")
    (copy / "_static" / "probe.js").write_text(PROBE, encoding="utf-8")
    names = [page.relative_to(site).as_posix() for page in kinds(site)]
    hostile = ELSEWHERE + "".join(text.format(RAN.format(name)) for name, text in HOSTILE.items())
    for name in names:
        up = "../" * name.count("/")
        text = (copy / name).read_text(encoding="utf-8")
        text = re.sub(r'<meta http-equiv="refresh"[^>]*>', "", text)  # else the start page is left at once
        plants = f'{hostile}<script src="{up}_static/probe.js"></script><base href="https://evil.test/"></body>'
        (copy / name).write_text(text.replace("</body>", plants), encoding="utf-8")
        bare = re.sub(
            r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", (copy / name).read_text(encoding="utf-8")
        )
        (copy / name).with_name("bare-" + Path(name).name).write_text(bare, encoding="utf-8")
    return copy, names


@pytest.fixture(params=["http", "disk"])
def at(request, planted) -> Iterator[str]:
    """Where the planted copy is read from."""
    if request.param == "disk":
        yield f"{planted[0].as_uri()}/"
        return
    with serve.server(0, planted[0]) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


def opened(browser: Browser, url: str, *, before: str = "") -> Page:
    """The page, when it has had time for everything in it. `page.asked` lists what another site was really asked for."""
    context = browser.new_context(reduced_motion="no-preference")
    page = context.new_page()
    page.asked = []

    def answer(route) -> None:  # what the policy stops never comes here
        page.asked.append(route.request.url)
        route.fulfill(body="document.documentElement.dataset.ran = 'foreign'")

    context.route("https://evil.test/**", answer)
    page.add_init_script(before)
    page.set_default_timeout(120_000)
    page.goto(url, wait_until="domcontentloaded")
    page.evaluate("document.getElementById('hostile-link').click()")
    page.wait_for_timeout(400)
    return page


def probed(page: Page) -> dict[str, str]:
    """What became of all that the planted script tries. Asked from outside: the policy would stop a script that waits for it."""
    for _ in range(600):
        if said := page.evaluate("document.documentElement.dataset.probe ?? ''"):
            return json.loads(said)
        page.wait_for_timeout(100)
    pytest.fail("the planted script did not end")


def test_nothing_hostile_in_a_page_of_any_kind_runs(browser, planted, at):
    for name in planted[1]:
        page = opened(browser, at + name)
        if "script-src" in policy(planted[0] / name):
            seen = probed(page)
            assert not seen.pop("base").startswith("https://evil"), name
            assert seen == dict.fromkeys(
                ("eval", "Function", "import", "fetch", "itself", "request", "worker"), "stopped"
            ), name
        else:
            assert page.evaluate("document.documentElement.dataset.probe ?? null") is None, name
        assert page.evaluate("document.documentElement.dataset.ran ?? ''") == "", name
        assert page.asked == [], name
        assert page.url == at + name
        page.context.close()


def test_without_the_policy_all_of_it_would_run(browser, planted, at):
    """So the test above can fail."""
    name = planted[1][0]
    bare = at + Path(name).with_name(f"bare-{Path(name).name}").as_posix()
    page = opened(browser, bare, before="HTMLFormElement.prototype.submit = () => {}")  # else the page is left
    seen = probed(page)
    ran = page.evaluate("document.documentElement.dataset.ran ?? ''")
    assert any(name in ran for name in (*HOSTILE, "timer", "inserted", "appended", "blob"))
    assert (seen["eval"], seen["Function"], seen["base"]) == ("ran", "ran", "https://evil.test/")
    assert "https://evil.test/a.js" in page.asked
    page.context.close()


# ---- files that a reader drops on AxisDetective

NAMES = [
    "<img src=x onerror=\"document.documentElement.dataset.ran = 'x'\">",
    "<script>document.documentElement.dataset.ran = 'x'</script>",
    "</bdi></th></table><iframe srcdoc='<script>parent.ran=1</script>'>",
    '"><svg onload="document.documentElement.dataset.ran = \'x\'">',
    "javascript:document.documentElement.dataset.ran = 'x'",
    "{{constructor.constructor('document.documentElement.dataset.ran = 1')()}}${document.documentElement.dataset.ran = 1}",
    "&lt;b&gt; &#x3c;b&#x3e; %3Cb%3E",
    "\u202etuptuo rep si\u202c \u2066\u2069 \u200e\u200f\u061c",
    "a\u0000b\u0007c\u001b[31md\u007f\u0085",
    "two\nlines\r\nand\u2028more\u2029",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "__proto__.polluted",
    "x" * 9_900,
    "\U0001f600" * 500,
    "",
    " ",
]


def file(names: list[str], metadata: dict[str, str]) -> bytes:
    """An adapter with a magnitude per input for each name."""
    header, data = {"__metadata__": metadata}, b""
    for name in names:
        key = f"{name}.dora_scale" if name else "dora_scale"
        header[key] = {"dtype": "F32", "shape": [1, 2], "data_offsets": [len(data), len(data) + 8]}
        data += struct.pack("<2f", 3, 4)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


DROP = """(files) => {
  const carried = new DataTransfer();
  for (const [name, text] of files) carried.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  document.querySelector(".dora-ad-drop").dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
UNHARMED = """() => {
  const strange = [...document.querySelectorAll("body *")].filter((one) =>
    /^(script|iframe|object|embed|base|link|meta|style|img|video|audio)$/i.test(one.localName) && one.type !== "application/json"
    || [...one.attributes].some(({ name, value }) => name.startsWith("on") || /^\\s*javascript:/i.test(value)));
  const own = Object.getOwnPropertyNames(Object.prototype).length, plain = {};
  return { strange: strange.map((one) => one.outerHTML.slice(0, 200)), own, keys: Object.keys(Object.prototype), polluted: plain.polluted ?? null,
    ran: document.documentElement.dataset.ran ?? null };
}"""


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    from base64 import b64encode

    page.evaluate(DROP, [[name, b64encode(data).decode()] for name, data in files])


def ended(page: Page, begins: str) -> str:
    page.locator("[role=status]").filter(has_text=re.compile(f"^{re.escape(begins)}")).first.wait_for(state="attached")
    return next(text for text in page.locator("[role=status]").all_text_contents() if text.startswith(begins))


@pytest.fixture
def detective(show):
    page = show(AxisDetective(id="detective"))
    page.before, page.said = page.evaluate(UNHARMED), page.get_by_role("status").inner_text()
    assert page.before["strange"] == [] and page.before["keys"] == []
    yield page
    assert page.evaluate(UNHARMED) == page.before
    assert page.problems == []


def test_names_of_tensors_are_shown_as_text(detective):
    drop(detective, ("a.safetensors", file(NAMES, {"format": NAMES[0], "__proto__": NAMES[1], "constructor": "x"})))
    assert ended(detective, "a.safetensors:") == f"a.safetensors: all {len(NAMES)} magnitudes are per input."
    detective.get_by_role("button", name="Show").click()
    names = detective.locator(".dora-ad-table tbody th bdi").all_text_contents()
    assert names == [clipped(name) or "the layer itself" for name in NAMES]
    assert not any(ord(letter) < 32 or letter in "\u202e\u2066\u061c" for name in names for letter in name)


def unharmed(page: Page, what: str) -> None:
    """Nothing has come of what was dropped, and the figure is empty again."""
    assert page.evaluate(UNHARMED) == page.before, what
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".dora-ad-files bdi")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text(page.said)


def test_names_of_files_are_shown_as_text(detective):
    seen = detective.locator(".dora-ad-files bdi")
    for name in filter(str.strip, NAMES):
        # a browser's own File takes any name; a slash it may write as a colon
        drop(detective, (f"{name[:3000]}.safetensors", b""))
        seen.wait_for()
        said = ended(detective, seen.inner_text()[:3])
        assert said.endswith("is empty: download or save it again"), name
        for text in (said, seen.text_content()):
            assert len(text) < 300
            assert not re.search("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text), name
        unharmed(detective, name)


INDEXES = {  # weight_map: what is said of it
    '{"__proto__": "b.safetensors"}': "says that b.safetensors has __proto__, which it has not",
    '{"constructor": "__proto__"}': "names the file __proto__, which is not there",
    '{"x": "<img src=x onerror=alert(1)>"}': "names the file <img src=x onerror=alert(1)>, which is not there",
    '{"x": "\\u202esrotcudnoc"}': "names the file ?srotcudnoc, which is not there",
    '{"x": "../a"}': "names ../a, which is not a file beside it",
    '{"__proto__": {"polluted": "yes"}}': "has no weight_map of tensor names to file names",
    '"__proto__"': "has no weight_map of tensor names to file names",
}


def test_an_index_from_a_stranger_is_text_too(detective):
    name, weights = "m.safetensors.index.json", (("a.safetensors", file(["x"], {})), ("b.safetensors", file([], {})))
    for weight_map, says in INDEXES.items():
        index = f'{{"weight_map": {weight_map}, "__proto__": {{"polluted": "yes"}}}}'.encode()
        drop(detective, (name, index), *weights)
        assert says in ended(detective, name)
        unharmed(detective, weight_map)


def test_names_are_clipped_alike_in_python_and_in_the_page():
    page = Core("axis_detective/checkpoint/text")
    every = [
        *NAMES,
        "".join(map(chr, range(0x2000, 0x2070))),
        "".join(map(chr, range(0xA0))),
        "\u061c" * 119,
        "x" * 120,
        "x" * 121,
    ]
    assert page.evaluate("(all) => all.map(modules['axis_detective/checkpoint/text'].clipped)", every) == [
        clipped(name) for name in every
    ]
    lone = page.evaluate(
        "['\\ud800', 'a\\udc00b', '\\ud83d\\ude00'].map(modules['axis_detective/checkpoint/text'].clipped)"
    )
    assert lone == ["?", "a?b", "\U0001f600"] == [clipped(name) for name in ("\ud800", "a\udc00b", "\U0001f600")]


# ---- addresses

VALUES = [
    "<img src=x onerror=alert(1)>", "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "\"><svg/onload=alert(1)>", "javascript:alert(1)", "__proto__",
    "constructor", "toString", "%", "%E0%A4%A", "%00", "%F0%9F%98%80", "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e6", "-1e6", "0x10",
    "9" * 400, "0.0", "-0", "1e-400", "", "null", "undefined", "true", "[object Object]", "0~1", "0.0~1e999", "0.0~-1e6", "0.0~1e6", "0.0~0",
    "__proto__~1", "0.__proto__~1", "length~0", "0.length~0", "99.99~1", "0.0.0~1", "0~", "~", ".~1", "0.0~1,0.0~2", "0.1~NaN", "x" * 2000, "~" * 2000,
]  # fmt: skip
TRY = """async ([ids, keys, values]) => {
  for (const value of values) {
    const followed = new Promise((done) => addEventListener("hashchange", () => requestAnimationFrame(done), { once: true }));
    location.hash = ids.map((id) => `${id}=${keys.map((key) => `${key}:${value}`).join(";")}`).join("&");
    await followed;
  }
}"""


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.deep)], ids=["each kind", "every page"])
def test_no_address_harms_a_figure(every, site, address, visit):
    """All values where a kind of figure is met first, the smallest page first; some of them on every page."""
    tried, known, page = 0, set(), visit(f"{address}search.html")  # the start page would go on by itself
    shown = [page for page in sorted(pages(site), key=size) if "data-figure" in page.read_text("utf-8")]
    for name in [page.relative_to(site).as_posix() for page in shown]:
        figures = parsed(site / name).find_all("figure", attrs={"data-figure": True})
        kinds = {one["data-figure"] for one in figures}
        if not (every or kinds - known):
            continue
        asked = [one for one in figures if one.find("script") and (every or one["data-figure"] not in known)]
        ids = [one["id"] for one in asked]
        states = [json.loads(one.find("script").string)["state"] for one in asked]
        keys = sorted({key for state in states for key in state} | {"__proto__", "constructor", "polluted"})
        values = VALUES[:: 1 if kinds - known else 8]
        known |= kinds
        page.goto(address + name)
        before = page.evaluate(UNHARMED)
        page.evaluate(TRY, [[*ids, "__proto__", "nothing"], keys, values])
        tried += len(ids) * len(values)
        page.wait_for_timeout(300)  # a sentence is said, and an address followed, a while after
        after = page.evaluate(UNHARMED)
        assert after == before and after["keys"] == [], name
        assert page.problems == [], name
        assert page.locator("figure[data-ready=failed]").count() == 0, name
    assert len(known) > 6 and tried >= len(known) * len(VALUES)


def test_a_hostile_address_is_opened_from_disk_as_any_other(site, visit):
    [path, *_] = [page for page in pages(site) if "data-figure" in page.read_text("utf-8")]
    figure = parsed(path).find("figure", attrs={"data-figure": True})
    keys = json.loads(figure.find("script").string)["state"]
    page = visit(path.as_uri())
    plain = page.evaluate(UNHARMED)
    for value in [VALUES[0], VALUES[1], "__proto__", "0.0~1e999", "x" * 20_000]:
        page.goto("about:blank")
        page.goto(f"{path.as_uri()}#{figure['id']}={';'.join(f'{key}:{value}' for key in keys)}")
        page.wait_for_selector(f"#{figure['id']}[data-ready=true]")
        assert page.evaluate(UNHARMED) == plain, value[:40]
        assert page.problems == [], value[:40]


@pytest.mark.parametrize("asked", [NAMES[0], NAMES[1], NAMES[3], "__proto__", "constructor", "%E0%A4%A", "x" * 3000])
def test_a_search_for_anything_shows_it_as_text(site, address, visit, asked):
    from urllib.parse import quote

    for base in (address, f"{site.as_uri()}/"):
        page = visit(f"{base}search.html?q={asked if asked.startswith('%') else quote(asked)}&highlight={quote(asked)}")
        page.wait_for_timeout(500)
        found = page.evaluate(UNHARMED)
        assert found["ran"] is None and found["keys"] == []
        assert [one for one in found["strange"] if not re.match(r'<img src="[^"]*favicon', one)] == []
        assert [one for one in page.problems if "URI" not in one] == []  # what is no text is no search
        if not asked.startswith("%"):
            expect(page.locator("#search-results")).to_have_text(re.compile("did not match|finished"))


# ---- what a browser keeps

POISON = "<img src=x onerror=document.documentElement.dataset.ran='kept'>\\u0000{]"
KEPT = {
    "blocked": """Object.defineProperty(window, "localStorage", { configurable: true, get() { throw new DOMException("no", "SecurityError"); } })""",
    "full and poisoned": f"""Storage.prototype.setItem = () => {{ throw new DOMException("full", "QuotaExceededError"); }};
        Storage.prototype.getItem = () => "{POISON}";""",
    "shared": """if (!sessionStorage.planted) for (const key of ["theme", "mode", "type", "room", "answer", "sphinx_highlight_terms", "dora", "chosen"]) localStorage[key] = "dark light magnitude"; sessionStorage.planted = 1""",
}
USED = """() => {
  const answer = document.querySelector("figure[data-ready=true] .dora-predict-options button:not([disabled])");
  const theme = document.documentElement.dataset.theme, button = document.querySelector("button.theme, [data-do=theme]");
  answer?.click();
  button?.click();
  return [["light", "dark"].includes(theme), !button || theme !== document.documentElement.dataset.theme];
}"""


@pytest.mark.parametrize("store", KEPT)
def test_every_kind_of_page_works_whatever_the_browser_keeps(store, site, address, visit):
    """Alone among the keys of others at this address, what the book keeps has names of its own."""
    page = visit(f"{address}search.html", before=KEPT[store])
    for path in [path for path in kinds(site) if 'http-equiv="refresh"' not in path.read_text("utf-8")]:
        name = path.relative_to(site).as_posix()
        page.goto(f"{address}{name}{'?q=magnitude' if name == 'search.html' else ''}")
        if path.read_text("utf-8").count("data-figure="):
            page.locator("figure[data-figure]").first.scroll_into_view_if_needed()
            page.wait_for_selector("figure[data-ready=true]", state="attached")
        assert page.evaluate(USED) == [True, True], name
        if name == "search.html":
            expect(page.locator("#search-results li a").first).to_be_visible()
        assert page.evaluate("document.documentElement.dataset.ran ?? null") is None
        assert page.problems == [], name
    if store == "shared":
        page.goto(f"{address}book/index.html")
        kept = page.evaluate("Object.entries(localStorage)")
        assert any(key == "dora-theme" for key, _ in kept)
        assert [value for key, value in kept if not key.startswith("dora-")] == ["dark light magnitude"] * 8


# ---- what could write markup

SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\(|new Function"
    r"|setTimeout\([\"'`]|setAttribute\([\"'`]on|setHTMLUnsafe|import\("
)
KNOWN = {  # a constant text, without a value in it
    "book/_ext/deck/deck.js": ['view.innerHTML = `<header><p class="time" role="timer"></p><p class="plan"></p>'],
}


def test_no_script_of_the_book_makes_markup_of_a_text():
    files = [path for path in (ROOT / "book").rglob("*.js") if "vendor" not in path.parts]
    assert len(files) > 30
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        found = [line for line in lines if SINKS.search(line) and not line.startswith(("//", "*", "/*"))]
        known = KNOWN.get(name, [])
        assert [line for line in found if not line.startswith(tuple(known) or ("\0",))] == [], name
        for line in found:
            assert "${" not in line, name


# ---- what others wrote


def test_a_vendored_file_that_is_not_its_releases_is_named(tmp_path):
    """Against releases made here; `make deep` asks for the real ones."""
    vendor = shutil.copytree(vendored.VENDOR, tmp_path / "vendor")
    releases = {
        package: {place: (vendor / folder / name).read_bytes() for name, place in files.items()}
        for folder, (package, files) in vendored.RELEASES.items()
    }
    assert vendored.different(vendor, releases.get) == []
    (vendor / "reveal" / "reveal.js").write_bytes((vendor / "reveal" / "reveal.js").read_bytes() + b"\n")
    (vendor / "temml" / "LICENSE").unlink()
    (vendor / "temml" / "more.js").write_text("")
    assert vendored.different(vendor, releases.get) == [
        "temml/more.js is in no release that is named here.",
        "reveal/reveal.js is not dist/reveal.js of reveal.js@6.0.2.",
        "temml/LICENSE is not LICENSE of temml@0.13.5.",
    ]


# ---- make serve


@pytest.fixture
def server(tmp_path) -> Iterator:
    """A site with a secret beside it and links that lead out of it. ask(target, host) gives status and content."""
    site = tmp_path / "site"
    (site / "a").mkdir(parents=True)
    (site / "empty").mkdir()
    (site / "index.html").write_text("the book")
    (site / "a" / "index.html").write_text("a page")
    (tmp_path / "secret.txt").write_text("a secret")
    (tmp_path / "site-too").mkdir()
    (tmp_path / "site-too" / "secret.txt").write_text("a secret")
    (site / "leads-out.txt").symlink_to(tmp_path / "secret.txt")
    (site / "out").symlink_to(tmp_path)
    (site / "inside.txt").symlink_to(site / "index.html")
    with serve.server(0, site) as running, answering(running):

        def ask(target: str, host: str | None = "127.0.0.1", method: str = "GET") -> tuple[int, bytes]:
            with socket.create_connection(("127.0.0.1", running.server_port), timeout=10) as connection:
                named = f"Host: {host}\r\n" if host is not None else ""
                connection.sendall(f"{method} {target} HTTP/1.0\r\n{named}\r\n".encode("latin-1"))
                answer = http.client.HTTPResponse(connection, method=method)
                answer.begin()
                return answer.status, answer.read()

        ask.running = running
        yield ask


OUT = [
    "/../secret.txt", "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt", "/a/../../secret.txt", "/a/%2e%2e/%2e%2e/secret.txt",
    "/..%5csecret.txt", "/..\\secret.txt", "/%252e%252e/secret.txt", "//../secret.txt", "/./../secret.txt", "/%c0%ae%c0%ae/secret.txt",
    "../secret.txt", "secret.txt", "http://127.0.0.1/../secret.txt", "/../site-too/secret.txt", "/leads-out.txt", "/out/secret.txt",
    "/out/site-too/secret.txt", "/%00", "/index.html%00.txt", "/secret.txt%00", "/../../../../../../../../etc/passwd", "//etc/passwd", "/" + "../" * 3000,
    "/" + "a" * 5000, "/out/", "/empty/", "/%ff%fe", "/?/../secret.txt/..", "/a/..;/../secret.txt",
]  # fmt: skip


@pytest.mark.parametrize("target", OUT, ids=range(len(OUT)))
def test_nothing_outside_the_site_is_served(server, target, capfd):
    for method in ("GET", "HEAD"):
        status, content = server(target, method=method)
        assert b"secret" not in content and b"root:" not in content and b"Directory listing" not in content
        assert status in (301, 400, 404, 414) or content in (b"the book", b"a page", b"")
        assert status != 200 or content in (b"the book", b"")
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_inside_is_served(server):
    assert server("/") == server("/inside.txt") == server("/%69ndex.html") == (200, b"the book")
    assert server("/a/") == (200, b"a page")
    assert (
        server("/empty/")[0] == server("/nothing")[0] == 404
    )  # no list of files, which would be a page without a policy


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8000", "127.0.0.1.evil.test", "localhost.evil.test", "", "[::2]", "[", "a@evil.test"],
)
def test_a_request_under_another_name_is_refused(server, host, capfd):
    assert server("/", host)[0] in (400, 421)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "localhost:8000", "127.0.0.1:9", "LOCALHOST:1", "[::1]:8000", None]
)
def test_a_request_under_the_machine_s_own_names_is_answered(server, host):
    assert server("/", host) == (200, b"the book")


def test_the_server_listens_to_this_machine_alone(server):
    assert server.running.server_address[0] == serve.HOST == "127.0.0.1"
    [family] = {server.running.socket.family}
    assert family == socket.AF_INET
