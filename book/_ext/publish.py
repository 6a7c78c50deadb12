"""Sphinx extension: the build writes notebooks/<chapter>.ipynb (standalone.py), and the chapter's page offers it.

Where the repository's address is known, the page also links Colab to <chapter>.ipynb on the branch published-<version>, where
the publishing workflow puts the same files.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri
from standalone import version, write_notebooks

GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


# ---- the addresses


def repository(configured: str, environment: Mapping[str, str]) -> str:
    """Of the GitHub workflow that builds, so that a fork's pages lead to the fork; else as configured; else ""."""
    if environment.get("GITHUB_ACTIONS") == "true" and environment.get("GITHUB_REPOSITORY"):
        return f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{environment['GITHUB_REPOSITORY']}"
    if configured and not re.match(r"https?://[^/]+/[^/]+/[^/]+", configured):
        raise ValueError(
            f"book_repository is {configured!r}, expected an address such as https://github.com/owner/name"
        )
    return configured


def site_address(configured: str, environment: Mapping[str, str]) -> str:
    """Where the site will be read, ending in "/": BOOK_ADDRESS, which the publishing workflow sets, else as configured; else ""."""
    address = environment.get("BOOK_ADDRESS") or configured
    if address and not re.match(r"https?://[^/]+", address):
        raise ValueError(f"the site's address is {address!r}, expected one such as https://owner.github.io/name/")
    return address if not address or address.endswith("/") else f"{address}/"


def colab(address: str, number: str, name: str) -> str:
    """Where Colab opens a published chapter, or "" where it cannot: it reads github.com alone."""
    match = GITHUB.fullmatch(address)
    if not match:
        return ""
    return f"https://colab.research.google.com/github/{match[1]}/{match[2]}/blob/published-{number}/{name}.ipynb"


# ---- the site


def settle_addresses(app: Sphinx, config: Any) -> None:
    """Before pages are read, so that a change of an address writes all pages anew."""
    try:
        config.html_baseurl = site_address(config.html_baseurl or "", os.environ)
        config.book_repository = repository(config.book_repository, os.environ)
    except ValueError as error:
        raise ExtensionError(f"_config.yml: {error}") from error


def chapters(app: Sphinx) -> dict[str, Path]:
    """Every page that is a notebook, and its file."""
    pages = {page: Path(app.env.doc2path(page)) for page in app.env.found_docs}
    return {page: path for page, path in sorted(pages.items()) if path.suffix == ".ipynb"}


def offer(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    """What layout.html needs for the links above a chapter."""
    path = chapters(app).get(page)
    if path:
        target = f"notebooks/{path.name}"
        context["notebook"] = relative_uri(app.builder.get_target_uri(page), target)
        context["colab"] = colab(app.config.book_repository, version(), path.stem)


def write(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    paths = list(chapters(app).values())
    if len({path.name for path in paths}) < len(paths):
        raise ExtensionError("two notebooks of the book have one name, and would be published as one file")
    folder = Path(app.outdir, "notebooks")
    made = write_notebooks(paths, folder, site=app.config.html_baseurl)
    for old in {path for path in folder.iterdir() if path.is_file()} - set(made):
        old.unlink()


def setup(app: Sphinx) -> dict:
    app.add_config_value("book_repository", "", "html")
    app.connect("config-inited", settle_addresses)
    app.connect("html-page-context", offer)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
