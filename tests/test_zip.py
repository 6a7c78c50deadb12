"""The archive for reading without a network: unpacked somewhere, it is the whole book."""

import json
import zipfile
from pathlib import Path

import make_zip
import pytest
import standalone
from playwright.sync_api import expect
from support.pages import CHAPTER

NOTEBOOK = f"{Path(CHAPTER).stem}.ipynb"


@pytest.fixture(scope="module")
def archive(site, tmp_path_factory) -> Path:
    return make_zip.make(site, tmp_path_factory.mktemp("zip"))


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("a reader's folder")
    zipfile.ZipFile(archive).extractall(folder)
    (inside,) = folder.iterdir()
    return inside


def test_the_archive_is_the_same_each_time(archive, site, tmp_path):
    assert make_zip.make(site, tmp_path).read_bytes() == archive.read_bytes()
    assert archive.name == f"dora-magnitude-{standalone.version()}.zip"
    names = zipfile.ZipFile(archive).namelist()
    assert names == sorted(names)


def test_the_archive_holds_the_site_the_notebooks_and_three_lines_to_read_first(unpacked, site):
    inside = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert inside == {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()} | {"README.txt"}
    assert len((unpacked / "README.txt").read_text(encoding="utf-8").splitlines()) == 3
    assert f"notebooks/{NOTEBOOK}" in inside


def test_a_figure_a_formula_and_the_search_work_from_disk(unpacked, visit):
    page = visit(f"{unpacked.as_uri()}/index.html")
    page.wait_for_url("**/book/index.html")
    page.goto(f"{unpacked.as_uri()}/{CHAPTER}")
    expect(page.locator("math").first).to_be_visible()
    figure = page.locator("figure[data-figure=norm-explorer]").first
    figure.scroll_into_view_if_needed()
    expect(figure).to_have_attribute("data-ready", "true")
    status = figure.get_by_role("status").first
    before = status.inner_text()
    figure.get_by_role("slider", name="Poke the magnitude").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(status).not_to_have_text(before)
    page.get_by_role("searchbox", name="Search the book").fill("magnitude")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=magnitude*")
    expect(page.locator("#search-results li a").first).to_be_visible()
    assert page.problems == []


def test_the_download_gives_the_notebook_by_keyboard(address, site, visit):
    page = visit(address + CHAPTER, accept_downloads=True)
    page.get_by_role("link", name="Download this chapter").focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == NOTEBOOK
    assert Path(waiting.value.path()).read_bytes() == (site / "notebooks" / NOTEBOOK).read_bytes()


def test_from_disk_the_link_leads_to_the_notebook_in_the_archive(unpacked, visit):
    """A browser shows a file of the reader's own disk, whatever a link asks for."""
    page = visit(f"{unpacked.as_uri()}/{CHAPTER}")
    page.get_by_role("link", name="Download this chapter").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/notebooks/{NOTEBOOK}")
    assert json.loads(page.locator("body").inner_text())["nbformat"] == 4
