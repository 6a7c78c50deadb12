"""The first cell of a published notebook: what lets one file stand alone. publish.py puts this text into it.

Installs what is missing, and keeps the book's modules and scripts, which the folded cells below hand over, in memory:
nothing is written, so a folder that cannot be written to will do.
"""

import importlib
import importlib.util
import linecache
import re
import subprocess
import sys

from IPython import get_ipython

INSTALLED_AS = {"sklearn": "scikit-learn", "yaml": "PyYAML"}  # packages that pip knows by another name


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
    for name in [name for name in sys.modules if name.split(".")[0] == "dorabook"]:
        del sys.modules[name]


def install(needed):
    """`needed`: packages by the names they are imported by."""
    missing = [INSTALLED_AS.get(name, name) for name in needed if importlib.util.find_spec(name) is None]
    if "torch" in missing:  # up to some gigabytes, and which build is right depends on the machine
        raise CannotRun("This chapter needs torch: install it as https://pytorch.org says, and run this cell again.")
    if not missing:
        return
    names = " ".join(missing)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    if subprocess.run([*command, *missing], capture_output=True).returncode:
        raise CannotRun(
            f"This chapter needs {names}, which could not be installed from here. Connect to the network and run this "
            f"cell again, or install by hand: pip install {names}"
        )
    importlib.invalidate_caches()
    print(f"Installed {names}.")


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
    install(needed)
    check_torch(used)
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != Files.__name__]
    files = Files()
    sys.meta_path.insert(0, files)
    forget()
    get_ipython().register_magic_function(files.keep, "cell", "dora_file")
