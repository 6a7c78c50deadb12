"""The first cell of a published notebook: what lets one file stand alone.

Of these lines standalone.py puts the first into it. The code installs what is missing or too old, and keeps the book's modules and scripts, which the folded cells below hand over, in memory:
nothing is written, so a folder that cannot be written to will do.
"""

import contextlib
import importlib
import importlib.util
import linecache
import os
import re
import subprocess
import sys
from importlib import metadata

from IPython import get_ipython

INSTALLED_AS = {"quickjs": "quickjs-ng", "sklearn": "scikit-learn", "yaml": "PyYAML"}  # where pip has another name
WELCOME = {"quickjs"}  # a figure is alive without; with it, a saved notebook keeps what the figure says
ELSEWHERE = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER")  # put packages where this kernel may not look


class CannotRun(Exception):
    """Ends the run with its one sentence in place of a traceback."""

    def _render_traceback_(self):
        return [str(self)]


class Files:
    """Finds and loads `dorabook` among the texts of this notebook, before any copy installed elsewhere."""

    def __init__(self):
        self.texts = {}  # "dorabook/decompose.py" -> its source

    def keep(self, line, cell):
        """The magic %%dora_file PATH. A cell of several files has a line `file: PATH`, as a comment, before each."""
        body = re.sub(r"\A#@title.*\n", "", cell)
        parts = re.split(r"^(?://|/\*) file: (\S+).*\n", body, flags=re.M)
        texts = {line.strip(): body} if line.strip() else dict(zip(parts[1::2], parts[2::2], strict=True))
        self.texts.update(texts)
        for path, text in texts.items():  # so that inspect and tracebacks show the source
            linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        forget()

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != "dorabook":
            return None
        folder = name.replace(".", "/")
        file = next((file for file in (f"{folder}.py", f"{folder}/__init__.py") if file in self.texts), None)
        if file is None:
            raise ModuleNotFoundError(
                f"{name} is not in this notebook, which carries what its own chapter uses. If it should be here, "
                "run the folded cells at the top once more.",
                name=name,
            )
        spec = importlib.util.spec_from_loader(name, self, origin=file, is_package=file.endswith("/__init__.py"))
        spec.has_location = True  # gives the module its __file__
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.get_source(module.__name__), module.__spec__.origin, "exec"), module.__dict__)

    def get_source(self, name):
        return self.texts[self.find_spec(name).origin]

    def get_data(self, path):
        try:
            return self.texts[path.replace("\\", "/")].encode("utf-8")
        except KeyError:
            raise FileNotFoundError(f"{path} is not in this notebook") from None


def forget():
    """The next import takes what is in the cells now."""
    for name in [name for name in [*sys.modules] if name.split(".")[0] == "dorabook"]:  # another thread may import
        del sys.modules[name]


def install(needed):
    """`needed`: packages by the names they are imported by. "peft>=0.21.2" asks for that version or a newer one."""
    found = {wish: version(wish) for wish in needed}
    wishes = {INSTALLED_AS.get(wish, wish): was for wish, was in found.items() if short(wish, was)}
    if "torch" in wishes:  # up to some gigabytes, and which build is right depends on the machine
        raise CannotRun("This chapter needs torch: install it as https://pytorch.org says, and run this cell again.")
    if not wishes:
        return
    pip(list(wishes))
    importlib.invalidate_caches()
    if lost := [wish for wish, was in found.items() if short(wish, version(wish))]:
        raise CannotRun(
            f"pip has installed {' '.join(lost)} where this Python does not look. `pip config list` says where, as target, "
            "prefix or user: take that out, and run this cell again."
        )
    tell(wishes)


def version(wish):
    """Of a package that can be imported: its version. None where there is none."""
    name = wish.partition(">=")[0]
    if importlib.util.find_spec(name) is None:
        return None
    return metadata.version(name) if name != wish else ""


def short(wish, was):
    """Whether the version `was` is not what is wished for."""
    least = wish.partition(">=")[2]
    return was is None or numbers(was) < numbers(least)


def numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)][:3]


def pip(wishes):
    names = " ".join(f'"{wish}"' if ">" in wish else wish for wish in wishes)
    if importlib.util.find_spec("pip") is None:
        raise CannotRun(
            f"This chapter needs {names}, and this Python has no pip. Install it with the tool that made this "
            f"environment, such as: uv pip install {names}, and run this cell again."
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    here = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    done = subprocess.run([*command, *wishes], env=here, capture_output=True, text=True, errors="replace")
    if not done.returncode:
        return
    if re.search("connection broken by|Max retries exceeded", done.stderr):
        raise CannotRun(
            f"This chapter needs {names}, and the network to install it from could not be reached. Connect to it and run "
            "this cell again."
        )
    reason = next((line for line in done.stderr.splitlines() if line.lower().startswith("error")), "it gave no reason")
    raise CannotRun(
        f"This chapter needs {names}, and pip could not install it ({reason.rstrip('.')}). See to that and run this cell "
        f"again, or install by hand: pip install {names}"
    )


def tell(wishes):
    """`wishes`: what has been installed, with the version that was there, or None."""
    names = [wish.partition(">=")[0] for wish, was in wishes.items() if was is None]
    if "anywidget" in names and "google.colab" not in sys.modules:  # a page takes scripts in when it is loaded
        raise CannotRun(f"Installed {' '.join(names)}: reload this page, then run all cells.")
    if names:
        print(f"Installed {' '.join(names)}.")
    for wish, was in wishes.items():
        name = wish.partition(">=")[0]
        if was is not None:
            done = f"Updated {name} {was} to {version(wish)}: not all that this chapter says holds on the old one"
            if name in sys.modules:
                raise CannotRun(f"{done}, and that is loaded. Restart the kernel, then run all cells.")
            print(f"{done}.")


def hide_torchao():
    """peft builds no layer beside a torchao that it finds too old, as in Colab in 2026. No chapter uses torchao."""
    import_utils = importlib.import_module("peft.import_utils")
    try:
        import_utils.is_torchao_available()
    except ImportError:
        print(
            f"Hid torchao {metadata.version('torchao')} in this kernel: peft {metadata.version('peft')} stops where it "
            "finds that version, and this chapter does not use it."
        )
        sys.modules["torchao"] = None


def check_torch(used):
    """`used`: the parts of torch that the chapter takes by name."""
    import torch

    for path in used.split():
        names = path.split(".")
        for end in range(2, len(names) + 1):
            if not has(".".join(names[: end - 1]), names[end - 1]):
                raise CannotRun(
                    f"torch {torch.__version__} has no {path}, which this chapter uses: install a newer torch, "
                    "restart the kernel and run this cell again."
                )


def has(owner, name):
    try:
        module = importlib.import_module(owner)
    except ImportError:
        return True  # a class or a function; what it has is not looked into
    if hasattr(module, name):
        return True
    try:
        return importlib.util.find_spec(f"{owner}.{name}") is not None
    except ImportError:
        return False


def start(needed, used):
    install([wish for wish in needed if wish not in WELCOME])
    with contextlib.suppress(CannotRun):
        install([wish for wish in needed if wish in WELCOME])
    check_torch(used)
    if any(wish.partition(">=")[0] == "peft" for wish in needed):
        hide_torchao()
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != Files.__name__]
    files = Files()
    sys.meta_path.insert(0, files)
    forget()
    get_ipython().register_magic_function(files.keep, "cell", "dora_file")
