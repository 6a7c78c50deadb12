"""What the book says of itself outside its text: version, citation, link previews, errata, how to contribute."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import check_links
import dora_site
import dorabook
import publish
import pytest
import run_published
import standalone
import yaml
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader
from nbformat.v4 import new_code_cell, new_notebook, writes
from support.pages import parsed

ROOT = Path(__file__).parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CITATION = ROOT / "CITATION.cff"


def cited(path):
    command = [
        Path(sys.executable).parent / "check-jsonschema",
        "--builtin-schema",
        "vendor.citation-file-format",
        path,
    ]
    return subprocess.run(command, capture_output=True, text=True)


def soup(site, name):
    return parsed(site / name)


# ---- version and citation


def test_the_version_is_written_once_and_cited_the_same():
    assert re.fullmatch(r"\d+\.\d+\.\d+", dorabook.__version__)
    assert standalone.version() == dorabook.__version__
    citation = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    assert citation["version"] == dorabook.__version__
    assert citation["title"] == yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    assert "version" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace("target-version", "")


@pytest.mark.deep
def test_the_citation_has_the_form_that_github_reads(tmp_path):
    assert cited(CITATION).returncode == 0, cited(CITATION).stdout
    broken = tmp_path / "CITATION.cff"
    broken.write_text(CITATION.read_text(encoding="utf-8").replace("cff-version: 1.2.0", "cff-version: 9"), "utf-8")
    assert cited(broken).returncode != 0


def test_the_citation_names_the_paper_and_the_post():
    references = yaml.safe_load(CITATION.read_text(encoding="utf-8"))["references"]
    assert [reference["url"] for reference in references] == [
        "https://arxiv.org/abs/2402.09353",
        "https://vishalbakshi.github.io/blog/posts/2025-02-01-DoRA-Magnitude-Vector/",
    ]
    assert str(references[1]["date-released"]) == "2025-02-01"


# ---- pages


DECK = "book/teach/slides"  # slides have no foot: their head says the version, and their bar leads to the book


@pytest.mark.parametrize("name", [*(f"{file}.html" for file in FILES if file != DECK), "search.html"])
def test_page_says_which_version_it_is_and_leads_to_the_errata(name, site):
    page = soup(site, name)
    assert f"Version {dorabook.__version__}" in page.find("footer").get_text()
    assert page.find("meta", attrs={"name": "generator"})["content"].endswith(f"version {dorabook.__version__}")
    link = page.select_one("footer a:not([rel])")["href"]
    assert link == "#" if name.endswith("errata.html") else link.endswith("errata.html")
    assert page.find("link", rel="icon")


def test_the_slides_say_which_version_they_are(site):
    page = soup(site, f"{DECK}.html")
    assert page.find("meta", attrs={"name": "generator"})["content"].endswith(f"version {dorabook.__version__}")
    assert page.select_one("nav a")["href"].endswith("index.html")


def head(**context):
    """The layout's head as Jinja makes it from a page's context."""
    environment = Environment(loader=FileSystemLoader(ROOT / "book" / "_ext" / "themes" / "dora"), autoescape=False)
    known = {
        "hasdoc": lambda name: True,
        "pathto": lambda name, *_: name,
        "toctree": lambda **_: "",
        "docstitle": "The book",
        "title": "A & B",
        "pagename": "book/1-law",
        "root_doc": "book/index",
        "description": 'It says "one"',
        "favicon_url": "icon.svg",
        "script_files": [],
        "css_files": [],
        "book_version": "1.2.3",
    }
    return BeautifulSoup(environment.get_template("layout.html").render(**known | context), "html.parser").head


def test_a_link_preview_has_a_whole_address_title_description_and_picture():
    page = head(address="https://a.example/book/1-law.html", preview=dora_site.preview("https://a.example/"))
    said = {meta["property"]: meta["content"] for meta in page.find_all("meta", property=True)}
    assert said["og:url"] == page.find("link", rel="canonical")["href"] == "https://a.example/book/1-law.html"
    assert said["og:title"] == page.title.text == "A & B · The book"
    assert said["og:description"] == 'It says "one"'
    assert said["og:image"] == "https://a.example/_static/preview.png"
    assert (int(said["og:image:width"]), int(said["og:image:height"])) == (1200, 630)
    assert page.find("meta", attrs={"name": "twitter:card"})["content"] == "summary_large_image"


def test_without_an_address_nothing_promises_one():
    page = head()
    assert page.find("link", rel="canonical") is None
    assert page.find_all("meta", property=True) == []


def test_the_site_as_it_is_built_here_has_previews_exactly_where_its_address_is_known(site):
    configured = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"].get("baseurl", "")
    address = publish.site_address(configured, os.environ)
    for name in (f"{FILES[0]}.html", f"{FILES[1]}.html"):
        link = soup(site, name).find("link", rel="canonical")
        assert (link and link["href"]) == (f"{address}{name}" if address else None)


def test_the_previews_picture_is_there_and_has_the_size_that_previews_are_cut_to(site):
    for path in (ROOT / "book/_ext/themes/dora/static/preview.png", site / "_static/preview.png"):
        start = path.read_bytes()
        assert struct.unpack(">II", start[16:24]) == (1200, 630)
        assert len(start) < 300_000


# ---- contributing


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert (
        set(re.findall(r"make ([a-z-]+)(?=[` \n])", " ".join(re.findall(r"`[^`]+`|^make .*", text, re.M)))) <= targets
    )
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
    for file in re.findall(r"`((?:book|tests|tools)/[\w./-]+|_toc\.yml|live/[\w./-]+)`", text):
        place = ROOT / file if not file.startswith("live/") else ROOT / "book/dorabook" / file
        assert place.exists() or "your_figure" in file or "your-idea" in file or "..." in file, file


# ---- the tests themselves


def test_no_test_imports_a_test_and_no_fixture_is_imported():
    """What tests share lies in tests/support, and a fixture that several ask for in conftest.py."""
    files = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert [file for file, text in files.items() if re.search(r"^\s*(?:from|import) test_", text, re.M)] == []
    assert [file for file, text in files.items() if re.search(r"noqa: F8[1]1", text)] == []


# ---- links to other sites


def test_links_are_those_to_other_sites_each_once_with_its_pages(tmp_path):
    (tmp_path / "index.html").write_text('<a href="b.html">b</a> <a href="https://x.example/a#one">x</a>')
    (tmp_path / "b.html").write_text('<a href="https://x.example/a#two">x</a> <link href="https://y.example">')
    assert check_links.links(tmp_path) == {"https://x.example/a": ["b.html", "index.html"]}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (200, "ok"),
        (302, "ok"),
        (404, "dead"),
        (410, "dead"),
        (403, "refused"),
        (429, "refused"),
        (503, "refused"),
        ("no answer", "dead"),
    ],
)
def test_a_link_is_dead_when_its_page_is_gone_and_not_when_it_refuses_programs(answer, kind):
    assert check_links.verdict(answer) == kind


def test_a_host_that_answers_the_second_time_is_alive():
    answers = iter(["no answer", 200, 404])
    assert check_links.patient("https://x.example", lambda _: next(answers), pause=0) == 200


def test_a_dead_link_is_named_with_its_page_and_fails(tmp_path, capsys):
    (tmp_path / "index.html").write_text('<a href="https://x.example/a">x</a> <a href="https://y.example/">y</a>')
    answers = {"https://x.example/a": 404, "https://y.example/": 200}
    assert check_links.main(tmp_path, answers.get) == 1
    assert "dead: https://x.example/a (404), linked from index.html" in capsys.readouterr().out
    assert check_links.main(tmp_path, lambda _: 200) == 0


def test_links_without_a_network_or_a_site_say_so_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="There is no site to check"):
        check_links.main(tmp_path)
    (tmp_path / "index.html").write_text('<a href="https://x.example/">x</a>')
    with pytest.raises(SystemExit, match="needs a network"):
        check_links.main(tmp_path, lambda _: "no answer")


# ---- the notebooks in Colab's image


@pytest.mark.slow
def test_published_notebooks_are_run_and_a_failing_one_is_named(tmp_path, capsys):
    for name, source in (("1-good", "assert 1 == 1"), ("2-bad", "assert 1 == 2, 'not this'")):
        (tmp_path / f"{name}.ipynb").write_text(writes(new_notebook(cells=[new_code_cell(source)])), "utf-8")
    assert run_published.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1-good.ipynb: ran" in said
    assert "not this" in said
    (tmp_path / "2-bad.ipynb").unlink()
    assert run_published.main([str(tmp_path)]) == 0


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="Name a folder"):
        run_published.main([str(tmp_path)])
