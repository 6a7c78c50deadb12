"""Is every mistake of tests/support/mutants_js.py noticed by the tests that drive the page's modules? Run by `make deep`.

    python tools/mutate_js.py [WORD ...]

With words, only the mistakes whose sentences hold one of them. The tests run in one browser, on a copy of the book into which the mistakes are
written one after another. The exit status is 1 if one was not noticed. What noticed each is written to book/data/mutants_js.csv.
"""

import itertools
import os
import sys
from pathlib import Path

import kept
import mutate

sys.path.insert(0, str(mutate.ROOT / "tests"))
from support.mutants_js import MUTANTS, Mutant

LIVE = mutate.PACKAGE / "live"
ELSEWHERE = "test_figures.py"  # a module of other tests: the browser outlives the last test of one
FIELDS = ("mistake", "file", "was", "becomes", "noticed_by")


def changed(mutant: Mutant, folder: Path = LIVE) -> str:
    """The module with the mistake. ValueError where the code has moved on, so that the entry names no place, or several."""
    text = (folder / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.was) != 1:
        raise ValueError(
            f"{mutant.file} has {text.count(mutant.was)} times {mutant.was!r}, expected once: mend the entry"
        )
    return text.replace(mutant.was, mutant.becomes)


class OneBrowser:
    """A pytest plugin: all tests once on the sound modules, and then for each mistake its own, until one fails."""

    def __init__(self, folder: Path, mutants: list[Mutant]):
        self.live, self.mutants, self.noticed_by = folder / LIVE.relative_to(mutate.ROOT), mutants, {}

    def pytest_runtestloop(self, session) -> bool:
        self.items, self.watch = session.items, mutate.Watch()
        session.config.pluginmanager.register(self.watch)
        self.run([item for item in self.items if item.path.name != ELSEWHERE])
        if self.watch.failed:
            raise RuntimeError(f"{self.watch.failed} fails without a mistake")
        for mutant in self.mutants:
            place = self.live / mutant.file
            sound = place.read_text(encoding="utf-8")
            place.write_text(changed(mutant, self.live), encoding="utf-8")
            self.watch.failed = ""
            self.run([item for item in self.items if item.nodeid.split("[")[0].removeprefix("tests/") in mutant.tests])
            place.write_text(sound, encoding="utf-8")
            self.noticed_by[mutant] = self.watch.failed
            keep(mutant, self.watch.failed)
            print(
                f"{'noticed' if self.watch.failed else 'NOT NOTICED'}: {mutant.file}: {mutant.mistake}", file=sys.stderr
            )
        return True

    def run(self, items: list) -> None:
        """Until one fails. A module's fixtures end with its last item, the browser only with the session."""
        for item, following in itertools.pairwise([*items, None]):
            same = following is not None and following.path == item.path
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following if same else self.elsewhere())
            if self.watch.failed:
                item.session._setupstate.teardown_exact(self.elsewhere())
                break

    def elsewhere(self):
        return next(other for other in self.items if other.path.name == ELSEWHERE)


def keep(mutant: Mutant, by: str) -> None:
    """Put the result into the table, in place of an old one. What the list no longer has goes."""
    row = dict(zip(FIELDS, (mutant.mistake, mutant.file, mutant.was, mutant.becomes, by), strict=True))
    known = {old["mistake"]: old for old in [*kept.rows(mutate.BY_HAND), row]}
    kept.write(mutate.BY_HAND, FIELDS, [known[one.mistake] for one in MUTANTS if one.mistake in known])


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.mistake for word in words)]
    mutate.preload()
    folder = mutate.copied("copy-js")
    plugin = OneBrowser(folder, chosen)
    given = sorted({f"tests/{test}" for mutant in chosen for test in mutant.tests} | {f"tests/{ELSEWHERE}"})
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    mutate.pytest_in(folder, given, plugin)
    if len(plugin.noticed_by) < len(chosen):
        sys.exit("The tests could not be run, or fail without a mistake: see above.")
    missed = [mutant.mistake for mutant, by in plugin.noticed_by.items() if not by]
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} mistakes in the page's modules were noticed", *missed, sep="\n"
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
