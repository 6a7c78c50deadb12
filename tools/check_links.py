"""Do the built site's links to other sites still lead somewhere? Run by `make links`, which needs a network.

A link is dead when its page is gone (404 or 410), its host is unknown or does not answer three times. A host that answers and refuses
(401, 403, 429, 5xx: many refuse programs) is listed and is no failure, so no list of exceptions has to be kept. Links within
the book are checked by `make test`.
"""

import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urldefrag

from bs4 import BeautifulSoup

SITE = Path(__file__).parents[1] / "_build" / "html"
GONE = (404, 410)
TRIES, SECONDS = 3, 20
HEADERS = {"User-Agent": "Mozilla/5.0 (link check of a book)", "Accept": "*/*"}


def links(site: Path) -> dict[str, list[str]]:
    """Each address outside the site, and the pages that link to it. What a reader does not follow (canonical, og:) is left out."""
    found = defaultdict(list)
    for page in sorted(site.rglob("*.html")):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for address in sorted({urldefrag(link["href"])[0] for link in soup.select("a[href^=http]")}):
            found[address].append(page.relative_to(site).as_posix())
    return dict(found)


def status(address: str) -> int | str:
    """The number the host answers with, or a phrase if it does not answer."""
    try:
        request = urllib.request.Request(address, headers=HEADERS)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return f"no answer ({getattr(error, 'reason', error)})"


def patient(address: str, ask: Callable[[str], int | str] = status, pause: float = 5) -> int | str:
    """As `status`, asked again when nobody answers."""
    for attempt in range(TRIES):
        answer = ask(address)
        if isinstance(answer, int):
            return answer
        if attempt + 1 < TRIES:
            time.sleep(pause)
    return answer


def verdict(answer: int | str) -> str:
    if isinstance(answer, str) or answer in GONE:
        return "dead"
    return "ok" if answer < 400 else "refused"


def main(site: Path = SITE, ask: Callable[[str], int | str] = patient) -> int:
    if not (site / "index.html").exists():
        sys.exit("There is no site to check: run make links, which builds it first.")
    found = links(site)
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = dict(zip(found, pool.map(ask, found), strict=True))
    if found and all(isinstance(answer, str) for answer in answers.values()):
        sys.exit("None of the other sites answered: this check needs a network.")
    kinds = {address: verdict(answer) for address, answer in answers.items()}
    for kind in ("refused", "dead"):
        for address in [address for address in found if kinds[address] == kind]:
            print(f"{kind}: {address} ({answers[address]}), linked from {', '.join(found[address])}")
    dead = list(kinds.values()).count("dead")
    print(f"{len(found)} links to other sites: {dead} dead, {list(kinds.values()).count('refused')} not to be checked")
    return int(dead > 0)


if __name__ == "__main__":
    sys.exit(main())
