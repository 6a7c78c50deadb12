"""Would the tests notice if the code were wrong? Run by `make deep`.

    python tools/mutate.py [--stale] [--survivors] [MODULE ...]

Each mutant is one small change to a module: another operator, another number, an argument left out. mutmut's operators make them
(requirements-deep.txt); here they are made all over the module, also in constants and in functions with decorators, which
mutmut's own runner leaves out. The module's tests run until the first that fails: the mutant is killed. One that no test notices
has survived. A mutant whose tests use TIMES the processor time they should counts as killed, since a test that never ends is seen.
hypothesis draws the same examples each time.

The tests are collected once, in a copy of the book. For each mutant that process is forked, the changed function gets its new code
there, and the tests run that call it.
Where more is changed than the code of functions, a fresh process imports the mutant from the copy. Tests that ask the page's
modules in a browser ask once, without a mutant, and later read the answers: these are JavaScript's, which no mutant here changes.

What is not changed, by rule: docstrings; messages, which are texts with WORDS or more words in them, and all text between the
expressions of an f-string; annotations and type aliases, which Python does not look at; imports; decorators; `__all__`; and what
stands under `if __name__ == "__main__"`.

A result is stored in _build/mutants as it is found, and a run that was stopped goes on from there. Results hold for one text of
the module and of its tests. With --survivors only mutants that survived are run again: enough after tests were added, since
a test that was added takes none away. With --stale nothing is run: the exit status says whether a row is missing or old.
"""

import argparse
import contextlib
import functools
import gc
import hashlib
import inspect
import itertools
import json
import os
import platform
import re
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import disk
import kept

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "book" / "dorabook"
TABLE = ROOT / "book" / "data" / "mutants.csv"
SURVIVORS = ROOT / "book" / "data" / "mutants_survived.csv"
BY_HAND = ROOT / "book" / "data" / "mutants_js.csv"  # made by tools/mutate_js.py
PAGE = ROOT / "book" / "back" / "how-checked.md"
START, END = "<!-- made by tools/mutate.py -->\n", "<!-- mutants to here -->\n"
WORK = ROOT / "_build" / "mutants"
FIELDS = ("module", "mutants", "killed", "survived", "share", "source", "tests")
SURVIVED = ("module", "line", "was", "becomes", "reason")
WORDS = 3
WORKERS = 2
TIMES, SECONDS = 8, 60  # of the processor: as long as the sound module's tests, and this much more
HANGS = 6 * 3600  # seconds of the clock, which on a busy machine says little
ASKING = ("test_checkpoint_page.py", "test_detective_parity.py")  # in a browser, what JavaScript says
TESTS = {  # none that drives a figure
    "decompose": ("test_decompose.py",),
    "layers": ("test_layers.py",),
    "count": ("test_count.py",),
    "cost": ("test_cost.py",),
    "checkpoint": ("test_checkpoint.py", *ASKING),
}
QUIET = ("-q", "-s", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
COPIED = ("book/dorabook", "book/data", "book/_ext", "tests", "tools", "pyproject.toml")


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change: the module's file, the line where it is, what differs, and the whole text without and with it."""

    file: Path
    line: int
    was: str
    becomes: str
    sound: str
    text: str

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.file.name}\n{self.text}".encode()).hexdigest()[:16]


def module_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").as_posix()


def files(module: str) -> list[Path]:
    path = PACKAGE / module
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def fingerprint(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def tests_of(module: str) -> list[Path]:
    return [ROOT / "tests" / name for name in TESTS[module]]


# ---- making mutants


def is_message(text: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", text)) >= WORDS


def mutants(file: Path) -> Iterator[Mutant]:
    """Every mutant of a file, by mutmut's operators."""
    import libcst as cst
    from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
    from mutmut.mutation.file_mutation import MutationVisitor, OuterFunctionProvider, deep_replace
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    class Everywhere(MutationVisitor):
        METADATA_DEPENDENCIES = (PositionProvider, OuterFunctionProvider, ParentNodeProvider)

        def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.FunctionDef):
                return False  # decorated ones too: the whole module is run anew for each mutant
            return left_out(node) or super()._skip_node_and_children(node)

    def left_out(node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Import | cst.ImportFrom | cst.Decorator):
            return True
        if isinstance(node, cst.ConcatenatedString):
            return is_message(cst.Module([]).code_for_node(node))
        if isinstance(node, cst.SimpleString):
            return is_message(node.value)
        if isinstance(node, cst.If):
            return "__main__" in cst.Module([]).code_for_node(node.test)
        return isinstance(node, cst.Assign) and (is_alias(node) or names(node) == ["__all__"])

    def names(node: cst.Assign) -> list[str]:
        return [target.target.value for target in node.targets if isinstance(target.target, cst.Name)]

    def is_alias(node: cst.Assign) -> bool:
        value = node.value
        if isinstance(value, cst.BinaryOperation):
            return isinstance(value.operator, cst.BitOr) and all(name[:1].isupper() for name in names(node))
        types = ("Literal", "Callable", "Mapping", "dict")
        return isinstance(value, cst.Subscript) and getattr(value.value, "value", "") in types

    source = file.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = Everywhere(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    where, parents = wrapper.resolve(PositionProvider), wrapper.resolve(ParentNodeProvider)
    head = "".join(map(module.code_for_node, module.header))
    parts = {statement: module.code_for_node(statement) for statement in module.body}
    seen = {source}
    for mutation in visitor.mutations:
        node = mutation.original_node
        line = next(where[above].start.line for above in above_of(node, parents) if above in where)
        statement = next(above for above in above_of(node, parents) if above in parts)
        changed = module.code_for_node(deep_replace(statement, node, mutation.mutated_node))
        text = head + "".join(changed if one is statement else part for one, part in parts.items())
        if text not in seen:
            seen.add(text)
            yield Mutant(file, line, *difference(source, text), source, text)


def above_of(node, parents: dict) -> Iterator:
    """The node, what holds it, and so on to the module."""
    while node is not None:
        yield node
        node = parents.get(node)


def difference(source: str, text: str) -> tuple[str, str]:
    """The lines that differ, each as one line without its indent."""
    before, after = source.splitlines(), text.splitlines()
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return tuple(" ".join(line.strip() for line in lines) for lines in (before, after))


# ---- running them


def preload() -> None:
    """What the tests import and no mutant changes: a forked process has it at once. Nothing of the book itself."""
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import hypothesis
    import peft  # noqa: F401
    import playwright.sync_api  # noqa: F401
    import pytest  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch
    import transformers.models.gpt2.modeling_gpt2
    import transformers.models.llama.modeling_llama  # noqa: F401

    torch.set_num_threads(1)
    torch.linalg.vector_norm(torch.empty(2, 2, device="meta"), dim=1)  # imports the rest of torch
    hypothesis.settings.register_profile("same", derandomize=True, database=None)
    hypothesis.settings.load_profile("same")


def copied(name: str) -> Path:
    """A copy of the book as it is, for tests to run in."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    for part in COPIED:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, target)
    return folder


class Watch:
    """A pytest plugin: seconds of each test, and the first that failed. Those with the most `kills` run first."""

    def __init__(self, kills: Mapping[str, int] | None = None):
        self.took, self.failed, self.kills = {}, "", kills or {}

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=lambda item: -self.kills.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report) -> None:
        self.took[report.nodeid] = self.took.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid


class Reach:
    """A pytest plugin: the functions of `folder` that each test calls. Those that set-ups call count for all tests, which may share them."""

    def __init__(self, folder: Path):
        self.folder, self.shared, self.own, self.into = str(folder), set(), {}, set()

    def pytest_runtest_setup(self) -> None:
        self.into = self.shared
        threading.setprofile(self.called)
        sys.setprofile(self.called)

    def pytest_runtest_call(self, item) -> None:
        self.into = self.own.setdefault(item.nodeid, set())

    def pytest_runtest_teardown(self) -> None:
        self.into = self.shared

    def called(self, frame, event: str, _) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(self.folder):
            self.into.add(home(frame.f_code))

    def told(self) -> dict:
        return {"shared": sorted(self.shared), "own": {test: sorted(called) for test, called in self.own.items()}}


def home(code: CodeType) -> str:
    """Where a function is written: the same for the sound one, its mutants, and what was imported of it."""
    return f"{code.co_filename}:{code.co_firstlineno}:{code.co_qualname}"


def pytest_in(folder: Path, given: list[str], *plugins) -> int:
    import pytest

    os.chdir(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(str(folder / part) for part in ("book", "tests", "tools"))
    return int(pytest.main([*QUIET, *given], plugins=plugins))


class Answers:
    """A pytest plugin: what the page's modules answered is kept, and the same question needs no browser then.

    The mutants are of Python, so that JavaScript answers as ever. It stands for the browser too, which opens nothing then.
    """

    contexts = ()

    def __init__(self, folder: Path, *, ask: bool):
        scripts = sorted((folder / PACKAGE.relative_to(ROOT) / "live").rglob("*.js"))
        self.ask, self.path = ask, WORK / f"answers-{fingerprint(*scripts)}.json"
        self.known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.argname != "browser" or self.ask:
            return None
        fixturedef.cached_result = (self, fixturedef.cache_key(request), None)
        return self

    def pytest_collection_finish(self, session) -> None:
        from support import live_page

        real = live_page.modules
        for module in [*sys.modules.values()]:
            if getattr(module, "__dict__", {}).get("modules") is real:
                module.modules = lambda browser, *paths: Page(self, paths, real(browser, *paths) if self.ask else None)

    def pytest_sessionfinish(self) -> None:
        if self.ask:
            self.path.write_text(json.dumps(self.known), encoding="utf-8")


class Page:
    """Stands where the tests have a browser's page."""

    def __init__(self, answers: Answers, paths: tuple[str, ...], page):
        self.answers, self.paths, self.page = answers, paths, page

    def evaluate(self, script: str, argument: object = None) -> object:
        question = json.dumps([self.paths, script, argument])
        key = hashlib.sha256(question.encode()).hexdigest()
        if key not in self.answers.known:
            if not self.page:
                raise RuntimeError("the page was asked what it was not asked on the sound module")
            self.answers.known[key] = self.page.evaluate(script, argument)
        return self.answers.known[key]

    def close(self) -> None:
        if self.page:
            self.page.close()


class Forked:
    """A process of its own for `work`, which gives a dict; what it prints goes to `log`. `limit`: seconds of the processor."""

    def __init__(self, work: Callable[[], dict], log: Path, limit: int = HANGS):
        self.began, self.limit, self.log, self.said = time.monotonic(), limit, log, log.with_suffix(".json")
        self.said.unlink(missing_ok=True)
        self.process = os.fork()
        if self.process == 0:
            os.setpgid(0, 0)
            self._do(work)

    def _do(self, work: Callable[[], dict]) -> None:
        try:
            out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit))
            found = work()
            self.said.write_text(json.dumps(found), encoding="utf-8")
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def answer(self) -> dict | None:
        """What `work` gave, None while it runs, {} where it gave nothing or reached its limit."""
        done, _ = os.waitpid(self.process, os.WNOHANG)
        if not done and time.monotonic() - self.began < HANGS:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)  # with what the tests may have started
        if not done:
            os.waitpid(self.process, 0)
        return json.loads(self.said.read_text(encoding="utf-8")) if self.said.exists() else {}

    def wait(self) -> dict:
        while (said := self.answer()) is None:
            time.sleep(0.02)
        return said


def shared_out(mutants: list[Mutant], start: Callable[[Mutant, int], Forked], done: Callable[[Mutant, dict], None]):
    """Start each mutant as soon as one of WORKERS places is free."""
    left, busy = list(reversed(mutants)), {}
    while left or busy:
        for place in range(WORKERS):
            if left and place not in busy:
                mutant = left.pop()
                busy[place] = mutant, start(mutant, place)
        time.sleep(0.02)
        for place, (mutant, forked) in list(busy.items()):
            if (said := forked.answer()) is not None:
                done(mutant, said)
                del busy[place]


def ask(folder: Path, names: list[str]) -> dict:
    return {"status": pytest_in(folder, [f"tests/{name}" for name in names], Answers(folder, ask=True))}


class InPlace:
    """A pytest plugin: collects the tests once, and for each mutant forks a process where the changed functions get their new code.

    The likeliest tests for their time come first.
    """

    def __init__(self, folder: Path, mutants: list[Mutant], done: Callable[[Mutant, str], None]):
        self.folder, self.mutants, self.done, self.kills = folder, mutants, done, {}

    def pytest_runtestloop(self, session) -> bool:
        self.items = session.items
        self.took = Forked(lambda: self.tests({}, self.folder / "tmp"), self.folder / "sound.log").wait()
        if self.took.get("failed", "nothing ran"):
            raise RuntimeError(
                f"{self.took.get('failed', 'nothing')} fails without a mutant: see {self.folder}/sound.log"
            )
        self.took = self.took["took"]
        self.limit = int(TIMES * sum(self.took.values()) + SECONDS)
        self.reach = Forked(lambda: self.reached(self.folder / "tmp"), self.folder / "reach.log").wait()
        live = live_functions(self.folder)
        found = {mutant: self.swaps(mutant, live) for mutant in self.mutants}
        self.code = {mutant: swaps for mutant, swaps in found.items() if swaps is not None}
        gc.collect()
        gc.freeze()  # a child that collects garbage would copy all that it looks at
        shared_out(list(self.code), self.start, self.ended)
        return True

    def swaps(self, mutant: Mutant, live: dict) -> dict | None:
        return new_code(mutant.sound, mutant.text, self.folder / mutant.file.relative_to(ROOT), live)

    def start(self, mutant: Mutant, place: int) -> Forked:
        temporary, swaps = self.folder / f"tmp{place}", self.code[mutant]
        return Forked(lambda: self.tests(swaps, temporary), self.folder / f"place{place}.log", self.limit)

    def reached(self, temporary: Path) -> dict:
        reach = Reach(self.folder / "book")
        self.items[0].config.pluginmanager.register(reach)
        self.tests({}, temporary)
        return reach.told()

    def reaching(self, swaps: dict) -> list:
        """The tests that call a function that is changed; all where a set-up calls one. Fewer could only kill less."""
        homes = {home(function.__code__) for function in swaps}
        if not swaps or homes & set(self.reach["shared"]):
            return self.items
        return [item for item in self.items if homes & set(self.reach["own"][item.nodeid])]

    def tests(self, swaps: dict, temporary: Path) -> dict:
        watch = Watch()
        self.items[0].config.pluginmanager.register(watch)
        temporary.mkdir(exist_ok=True)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(temporary)
        items = sorted(self.reaching(swaps), key=self.unlikely)
        for function, code in swaps.items():
            function.__code__ = code
        for item, following in itertools.pairwise([*items, None]):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if watch.failed:
                break
        return vars(watch)

    def unlikely(self, item) -> float:
        seconds = self.took.get(item.nodeid, 0.0) if hasattr(self, "limit") else 0.0
        return seconds / (1 + self.kills.get(item.nodeid, 0))

    def ended(self, mutant: Mutant, said: dict) -> None:
        by = said.get("failed", "all: none came to an end")
        self.kills[by] = self.kills.get(by, 0) + 1
        self.done(mutant, by)


def live_functions(folder: Path) -> dict[str, list]:
    """Functions of the book by where they are written."""
    found: dict[str, list] = {}
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(str(folder)):
            found.setdefault(home(one.__code__), []).append(one)
    return found


def new_code(source: str, text: str, file: Path, live: dict) -> dict | None:
    """function -> its code in the mutant. None where more differs than the code of functions that exist, or nothing compiles."""
    try:
        before, after = compiled(source, file), compile(text, str(file), "exec")
    except SyntaxError:
        return None
    if outline(before) != outline(after):
        return None
    swaps = {}
    for old, new in zip(functions_in(before), functions_in(after), strict=True):
        if whole(old) != whole(new):
            functions = live.get(home(old), [])
            if not functions or old.co_freevars != new.co_freevars:
                return None
            swaps |= dict.fromkeys(functions, new)
    return swaps


@functools.cache
def compiled(source: str, file: Path) -> CodeType:
    return compile(source, str(file), "exec")


def is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def functions_in(code: CodeType) -> Iterator[CodeType]:
    """The functions that a module and its classes define, without those inside functions."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from [one] if is_function(one) else functions_in(one)


def outline(code: CodeType) -> tuple:
    """What a module and its classes do beside the code of their functions."""
    consts = [
        (one.co_qualname if is_function(one) else outline(one)) if isinstance(one, CodeType) else repr(one)
        for one in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_freevars, tuple(consts)


def whole(code: CodeType) -> tuple:
    """What a function does, without its lines."""
    consts = tuple(whole(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable, consts


def anew(mutant: Mutant, folder: Path, given: list[str], sound: dict[Path, str], kills: Mapping[str, int]) -> Forked:
    """A process that imports the book with the mutant in it. `sound` has the texts of the module's files."""

    def work() -> dict:
        watch = Watch(kills)
        sys.dont_write_bytecode = True  # mutants of one second would share it
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        for file, text in (sound | {mutant.file: mutant.text}).items():
            (folder / file.relative_to(ROOT)).write_text(text, encoding="utf-8")
        code = pytest_in(folder, ["-x", *given], watch, Answers(folder, ask=False))
        return {"failed": watch.failed or ("all: they could not be read" if code else "")}

    return Forked(work, folder / "anew.log", TIMES * SECONDS)


def run(module: str, *, survivors: bool) -> None:
    """Run what has no result yet. Results are written as they come."""
    results = Results(module, survivors=survivors)
    made = [mutant for file in files(module) for mutant in mutants(file)]
    given = ["--doctest-modules", *(str(file.relative_to(ROOT)) for file in [*files(module), *tests_of(module)])]
    sound = {mutant.file: mutant.sound for mutant in made}
    folders = [copied(f"{module}-copy{place}") for place in range(WORKERS)]

    def left() -> list[Mutant]:
        return [mutant for mutant in made if mutant.key not in results.killed_by]

    def in_place() -> dict:
        code = pytest_in(folders[0], given, InPlace(folders[0], left(), results.add), Answers(folders[0], ask=False))
        if code:
            raise RuntimeError("the tests could not be collected, or fail without a mutant")
        return {"began": True}

    print(f"{module}: {len(made)} mutants, {len(left())} to run", flush=True)
    if left():
        if asking := [name for name in TESTS[module] if name in ASKING]:
            Forked(lambda: ask(folders[0], asking), WORK / "answers.log").wait()
        if not Forked(in_place, WORK / f"{module}.log").wait():
            raise RuntimeError(
                f"a test of {module} fails without a mutant, or a mutant could not be tried: see {WORK / f'{module}.log'}"
            )
        results.load()
        print(f"{module}: {len(left())} of them anew", flush=True)
        kills = Counter(results.killed_by.values())
        shared_out(
            left(),
            lambda mutant, place: anew(mutant, folders[place], given, sound, kills),
            lambda mutant, said: results.add(mutant, said.get("failed", "all: none came to an end")),
        )
    record(module, made, results)


class Results:
    """killed_by: key of a mutant -> the test that killed it, or "" where it survived. In a file with a line for each."""

    def __init__(self, module: str, *, survivors: bool):
        self.source, self.tests = fingerprint(*files(module)), fingerprint(*tests_of(module))
        self.path, self.survivors = WORK / f"{module}.jsonl", survivors
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.load()

    def load(self) -> None:
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        self.killed_by = {one["key"]: one["by"] for one in found if self.holds(one)}

    def holds(self, one: dict) -> bool:
        now = (one["source"], one["tests"]) == (self.source, self.tests)
        return now or bool(self.survivors and one["by"])

    def add(self, mutant: Mutant, by: str) -> None:
        self.killed_by[mutant.key] = by
        what = {"key": mutant.key, "by": by, "source": self.source, "tests": self.tests}
        what |= {"file": module_of(mutant.file), "line": mutant.line, "was": mutant.was, "becomes": mutant.becomes}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


# ---- what is kept of it


def record(module: str, made: list[Mutant], results: "Results") -> None:
    """Put the module's counts and survivors into the tables, in place of the old ones. Reasons that still apply are kept."""
    alive = [mutant for mutant in made if not results.killed_by[mutant.key]]
    killed = len(made) - len(alive)
    counts = {"mutants": len(made), "killed": killed, "survived": len(alive), "share": f"{killed / len(made):.4f}"}
    sources = {"source": results.source, "tests": results.tests}
    known = {row["module"]: row for row in kept.rows(TABLE)} | {module: {"module": module} | counts | sources}
    kept.write(TABLE, FIELDS, [known[name] for name in TESTS if name in known])
    old = kept.rows(SURVIVORS)
    reasons = {(row["module"], row["was"], row["becomes"]): row["reason"] for row in old}
    new = [
        {
            "module": module_of(mutant.file),
            "line": mutant.line,
            "was": mutant.was,
            "becomes": mutant.becomes,
            "reason": reasons.get((module_of(mutant.file), mutant.was, mutant.becomes), ""),
        }
        for mutant in alive
    ]
    others = [row for row in old if row["module"].split("/")[0] != module]
    order = list(TESTS)
    kept.write(SURVIVORS, SURVIVED, sorted([*others, *new], key=lambda row: order.index(row["module"].split("/")[0])))
    disk.replace(TABLE.with_suffix(".json"), json.dumps(provenance(), indent=1) + "\n")


def provenance() -> dict[str, str]:
    return {
        "what": "mutants of the package that its tests noticed; which mutants there are is said in tools/mutate.py",
        "command": "make deep",
        "python": platform.python_version(),
        "operators": next(line for line in pins() if line.startswith("mutmut==")),
        "source and tests": "the first 12 digits of the SHA-256 of the module's files and of its tests' file when the row was made",
    }


def pins() -> list[str]:
    return (ROOT / "requirements-deep.txt").read_text(encoding="utf-8").splitlines()


def stale() -> list[str]:
    """A sentence for each module whose row is missing or of another text."""
    known = {row["module"]: row for row in kept.rows(TABLE)}
    said = []
    for module in TESTS:
        now = (fingerprint(*files(module)), fingerprint(*tests_of(module)))
        row = known.get(module)
        if row is None or (row["source"], row["tests"]) != now:
            said.append(f"The mutants of {module} are not in the table as it is now: python tools/mutate.py {module}")
    return said


# ---- the page


def share(killed: int, made: int) -> str:
    """In per cent, rounded down: 100 only where all were killed."""
    return f"{int(1000 * killed / made) / 10:g} %"


def table(found: list[dict[str, str]]) -> str:
    known = {row["module"]: [int(row[name]) for name in ("mutants", "killed", "survived")] for row in found}
    total = [sum(counts) for counts in zip(*known.values(), strict=True)]
    lines = ["| module | mutants | killed | survived | killed, of all |", "|---|---|---|---|---|"]
    for module, counts in [*((module, known.get(module)) for module in TESTS), ("all", total)]:
        cells = [*(f"{n:,}" for n in counts), share(counts[1], counts[0])] if counts else ["not run"] * 4
        lines.append(f"| {module} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def survivors_table(found: list[dict[str, str]]) -> str:
    """The survivors of each reason together, the commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for row in found:
        by_reason.setdefault(row["reason"], []).append(
            f"{name(row['module'])}: {code(row['was'])} → {code(row['becomes'])}"
        )
    lines = ["| survived | why no test can or need notice |", "|---|---|"] if found else []
    for reason, changes in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        lines.append(f"| {'<br>'.join(changes)} | {reason} |")
    return "\n".join(lines) + "\n"


def name(module: str) -> str:
    return module.replace("__", r"\_\_")  # else Markdown makes it bold


def code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else "nothing"


def by_hand(found: list[dict[str, str]]) -> str:
    noticed = sum(bool(row["noticed_by"]) for row in found)
    return (
        f"Of {len(found)} mistakes made by hand in the modules that compute on the page, the tests noticed "
        f"{'all' if noticed == len(found) else noticed}."
    )


def page_part() -> str:
    alive = kept.rows(SURVIVORS)
    fold = f'<details class="fold">\n<summary>The {len(alive)} that survived, and why</summary>\n\n{survivors_table(alive)}\n</details>\n'
    return f"\n{table(kept.rows(TABLE))}\n{by_hand(kept.rows(BY_HAND))}\n\n{fold if alive else ''}\n"


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stale", action="store_true", help="run nothing; say which rows are missing or old")
    parser.add_argument("--survivors", action="store_true", help="run again only what survived before tests were added")
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(TESTS)}; all if none is named")
    asked = parser.parse_args(given)
    if asked.stale:
        print("\n".join(stale()) or "The table is of the present code and tests.")
        return int(bool(stale()))
    unknown = [module for module in asked.modules if module not in TESTS]
    if unknown:
        sys.exit(f"{unknown[0]} has no mutants here. Known: {', '.join(TESTS)}")
    preload()
    try:
        for module in asked.modules or TESTS:
            run(module, survivors=asked.survivors)
    except RuntimeError as error:
        sys.exit(str(error))
    kept.put(PAGE, START, END, page_part())
    print(f"{table(kept.rows(TABLE))}\n{by_hand(kept.rows(BY_HAND))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
