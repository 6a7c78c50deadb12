"""The book as an EPUB: whole, well formed, with no script, and the same each time. `make epubcheck` asks the field's own checker."""

import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag

import make_epub
import pytest
import standalone
from support.pages import FILES, parsed

XHTML, MATHML = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/1998/Math/MathML}"
OPF = {"opf": "http://www.idpf.org/2007/opf"}


@pytest.fixture(scope="module")
def made(site, tmp_path_factory) -> Path:
    return make_epub.make(site, tmp_path_factory.mktemp("epub"))


@pytest.fixture(scope="module")
def book(made) -> zipfile.ZipFile:
    return zipfile.ZipFile(made)


@pytest.fixture(scope="module")
def texts(book) -> dict[str, ET.Element]:
    """Every page, which an XML parser reads, by its name in the archive."""
    return {name: ET.fromstring(book.read(name)) for name in book.namelist() if name.endswith(".xhtml")}


@pytest.mark.deep  # a second archive takes as long as all else here
def test_the_archive_begins_with_its_kind_and_is_the_same_each_time(made, book, site, tmp_path):
    first = book.infolist()[0]
    assert (first.filename, first.compress_type, book.read(first)) == ("mimetype", 0, b"application/epub+zip")
    assert made.name == f"dora-magnitude-{standalone.version()}.epub"
    assert make_epub.make(site, tmp_path).read_bytes() == made.read_bytes()


def test_the_package_lists_every_file_once_and_says_which_hold_formulas(book, texts):
    package = ET.fromstring(book.read("EPUB/book.opf"))
    items = package.findall("opf:manifest/opf:item", OPF)
    listed = [f"EPUB/{item.get('href')}" for item in items]
    assert sorted(listed) == sorted(set(book.namelist()) - {"mimetype", "META-INF/container.xml", "EPUB/book.opf"})
    assert len({item.get("id") for item in items}) == len(items)
    said = {f"EPUB/{item.get('href')}": (item.get("properties") or "").split() for item in items}
    for name, text in texts.items():
        assert ("mathml" in said[name]) == (text.find(f".//{MATHML}math") is not None), name
        assert ("nav" in said[name]) == (name == "EPUB/nav.xhtml")
    assert len([name for name in said if "mathml" in said[name]]) >= 9


def test_the_pages_stand_in_the_books_order_all_but_the_slides(book):
    package = ET.fromstring(book.read("EPUB/book.opf"))
    files = {item.get("id"): item.get("href") for item in package.findall("opf:manifest/opf:item", OPF)}
    spine = [files[item.get("idref")] for item in package.findall("opf:spine/opf:itemref", OPF)]
    assert spine == [f"{file}.xhtml" for file in FILES if file != "book/teach/slides"]


def test_no_page_has_a_script_an_address_of_a_script_or_an_id_twice(texts):
    for name, text in texts.items():
        tags = list(text.iter())
        assert not [tag for tag in tags if tag.tag in (f"{XHTML}script", f"{XHTML}button", f"{XHTML}input")], name
        assert not [key for tag in tags for key in tag.attrib if key.startswith("on")], name
        ids = [tag.get("id") for tag in tags if tag.get("id")]
        assert len(set(ids)) == len(ids), name


def test_every_link_and_picture_leads_somewhere(book, texts):
    ids = {name: {tag.get("id") for tag in text.iter()} for name, text in texts.items()}
    for name, text in texts.items():
        for address in filter(None, (tag.get("href") or tag.get("src") for tag in text.iter())):
            if re.match(r"[a-z]+:", address):
                continue
            target, anchor = urldefrag(unquote(address))
            there = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
            assert there in book.namelist(), f"{name} links to {address}"
            assert not anchor or anchor in ids[there], f"{name} links to {address}"


@pytest.mark.parametrize("file", [file for file in FILES if re.search(r"/\d-", file)])
def test_a_chapter_holds_its_formulas_and_what_its_figures_say(file, site, texts):
    page, text = parsed(site / f"{file}.html"), texts[f"EPUB/{file}.xhtml"]
    assert len(text.findall(f".//{MATHML}math")) == len(page.select("article math"))
    figures = [" ".join("".join(tag.itertext()).split()) for tag in text.iter(f"{XHTML}figcaption")]
    assert figures == [" ".join(tag.get_text().split()) for tag in page.select("article figcaption")]
    assert len(figures) >= 3
