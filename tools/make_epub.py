"""Put the built site's pages into _build/dora-magnitude-<version>.epub: formulas as MathML, figures as sentence and table.

Taken from the pages rather than from a second run of Sphinx, whose EPUB would not say which files hold MathML. What needs a script,
the slides among it, is left out. The same site gives the same bytes.
"""

import html
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import publish_notebooks
from bs4 import BeautifulSoup, Tag
from make_zip import of_the_site, packed

START = "book/index.html"
COVER = "_static/preview.png"
FONT = "_static/fonts/stix-two-math.woff2"
DROPPED = "script, style, .headerlink, .here, button, form, summary .open"
QUIET = "a.evidence, a.name, abbr"  # what says more when it is pointed at
KINDS = {".xhtml": "application/xhtml+xml", ".png": "image/png", ".css": "text/css", ".woff2": "font/woff2"}
NAMESPACES = {"math": "http://www.w3.org/1998/Math/MathML", "svg": "http://www.w3.org/2000/svg"}
CASED = {"viewbox": "viewBox"}  # of SVG: HTML is read without regard to case
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="EPUB/book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="{up}book.css"/></head>
<body>
{body}
</body>
</html>
"""
PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" xml:lang="en" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
  <dc:identifier id="id">urn:uuid:{id}</dc:identifier>
  <dc:title>{title}</dc:title>
  <dc:language>en</dc:language>
  <dc:rights>Text CC BY 4.0, code MIT</dc:rights>
  <meta property="dcterms:modified">1980-01-01T00:00:00Z</meta>
  <meta property="schema:accessMode">textual</meta>
  <meta property="schema:accessMode">visual</meta>
  <meta property="schema:accessModeSufficient">textual</meta>
  <meta property="schema:accessibilityFeature">MathML</meta>
  <meta property="schema:accessibilityFeature">alternativeText</meta>
  <meta property="schema:accessibilityFeature">structuralNavigation</meta>
  <meta property="schema:accessibilityFeature">tableOfContents</meta>
  <meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""


@dataclass
class Page:
    name: str  # "book/index.html"
    title: str
    article: Tag
    part: str

    def __post_init__(self) -> None:
        self.file = self.name.replace(".html", ".xhtml")
        self.ids = {tag["id"] for tag in self.article.find_all(id=True)}


# ---- the pages


def read(site: Path) -> dict[str, Page]:
    """The pages that have a text, in the book's order."""
    first = BeautifulSoup((site / START).read_text(encoding="utf-8"), "html.parser")
    pages, part = {}, ""
    for tag in first.select("#book-contents > ul a, #book-contents > p.caption"):
        if tag.name == "p":
            part = tag.get_text().strip()
            continue
        name = START if tag["href"] == "#" else urljoin(START, tag["href"])
        soup = first if name == START else BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
        if soup.article:
            pages[name] = Page(name, tag.get_text().strip(), soup.article, part)
    return pages


def as_xhtml(page: Page, pages: dict[str, Page]) -> str:
    for tag in page.article.select(DROPPED):
        tag.decompose()
    for tag in page.article.select(QUIET):
        tag.unwrap()
    for tag in page.article.find_all(True):
        finish(tag, page, pages)
    up = "../" * page.name.count("/")
    return PAGE.format(title=html.escape(page.title), up=up, body=page.article.decode(formatter="minimal"))


def finish(tag: Tag, page: Page, pages: dict[str, Page]) -> None:
    if tag.name in NAMESPACES:
        tag["xmlns"] = NAMESPACES[tag.name]
    for name in [name for name in tag.attrs if name in ("loading", "style") and tag.name in ("img", "span")]:
        del tag[name]
    for name in CASED.keys() & tag.attrs.keys():
        tag[CASED[name]] = tag.attrs.pop(name)
    if tag.name == "a" and "href" in tag.attrs:
        target = address(tag["href"], page, pages)
        tag["href"] = target
        if not target:
            tag.unwrap()


def address(href: str, page: Page, pages: dict[str, Page]) -> str:
    """Where the link leads in the EPUB; "" where what it leads to is not in it."""
    if re.match(r"[a-z]+:", href):
        return href
    target, anchor = urldefrag(unquote(href))
    there = pages.get(urljoin(page.name, target) if target else page.name)
    if not there:
        return ""
    anchor = anchor.split("=")[0]  # the state of a figure needs a script
    return target.replace(".html", ".xhtml") + (f"#{anchor}" if anchor in there.ids else "") or Path(page.file).name


# ---- what is around them


def contents(pages: dict[str, Page], title: str) -> str:
    parts: dict[str, list[str]] = {}
    for page in pages.values():
        parts.setdefault(page.part, []).append(f'<li><a href="{page.file}">{html.escape(page.title)}</a></li>')
    lines = [
        f"<li><span>{html.escape(part)}</span><ol>{''.join(items)}</ol></li>" if part else "".join(items)
        for part, items in parts.items()
    ]
    body = f'<nav epub:type="toc"><h1>Contents</h1><ol>\n{chr(10).join(lines)}\n</ol></nav>'
    return PAGE.format(title=html.escape(title), up="", body=body)


def package(files: dict[str, bytes], pages: dict[str, Page], title: str, version: str) -> str:
    names = {file: f"f{number}" for number, file in enumerate(files)}
    items = [
        f'<item id="{names[file]}" href="{file}" media-type="{KINDS[Path(file).suffix]}"{properties(file, content)}/>'
        for file, content in files.items()
    ]
    spine = [f'<itemref idref="{names[page.file]}"/>' for page in pages.values()]
    id = uuid.uuid5(uuid.NAMESPACE_URL, f"{title} {version}")
    return PACKAGE.format(id=id, title=html.escape(title), manifest="\n".join(items), spine="\n".join(spine))


def properties(file: str, content: bytes) -> str:
    found = {"nav.xhtml": ["nav"], "cover.png": ["cover-image"]}.get(file, [])
    found += [name for name in ("math", "svg") if file.endswith(".xhtml") and f"<{name} ".encode() in content]
    return f' properties="{" ".join(found).replace("math", "mathml")}"' if found else ""


def make(site: Path, folder: Path) -> Path:
    version = publish_notebooks.standalone.version()
    pages = read(site)
    title = " ".join(pages[START].article.h1.get_text().removesuffix("#").split())
    pictures = {
        urljoin(page.name, image["src"]): None for page in pages.values() for image in page.article.select("img[src]")
    }
    files = {page.file: as_xhtml(page, pages).encode() for page in pages.values()}
    files["nav.xhtml"] = contents(pages, title).encode()
    files["book.css"] = Path(__file__).with_name("epub.css").read_bytes()
    files["fonts/stix-two-math.woff2"] = (site / FONT).read_bytes()
    files["cover.png"] = (site / COVER).read_bytes()
    files |= {name: (site / name).read_bytes() for name in pictures}
    inside = {"mimetype": b"application/epub+zip", "META-INF/container.xml": CONTAINER.encode()}
    inside["EPUB/book.opf"] = package(files, pages, title, version).encode()
    inside |= {f"EPUB/{file}": content for file, content in files.items()}
    return packed(folder / f"dora-magnitude-{version}.epub", inside, plain=("mimetype",))


def main() -> None:
    of_the_site(make, wanted="make a book of: run make epub", name="The EPUB")


if __name__ == "__main__":
    main()
