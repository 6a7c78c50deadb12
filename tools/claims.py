"""Run a chapter statement by statement and count its claims: python -m claims NOTEBOOK prints one line of JSON.

A claim is a place in the code: an `assert`, a call of some `assert_...` or `check(...)` of a solution. It is met when it runs, and held when it never
failed. A statement that fails is named, unless it failed because of a name that an earlier one did not come to define.
"""

import ast
import contextlib
import importlib
import io
import json
import re
import sys
import traceback
import warnings
from pathlib import Path

import nbformat


class Ledger(ast.NodeTransformer):
    """Notes each claim when it has held. `check` of an unfilled exercise claims nothing, so only solutions' checks count."""

    def __init__(self, solution: bool, first: int) -> None:
        self.solution, self.first, self.places = solution, first, 0

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
        self.generic_visit(node)
        if not isinstance(node, ast.stmt) or not self.is_claim(node):
            return node
        place = self.first + self.places
        self.places += 1
        if isinstance(node, ast.Expr) and name(node.value) == "check":
            node = ast.Assert(ast.Attribute(node.value, "ok", ast.Load()), None)
        notes = [ast.parse(f"__{step}__({place})").body[0] for step in ("met", "held")]
        return [ast.copy_location(part, node) for part in (notes[0], node, notes[1])]

    def is_claim(self, node: ast.stmt) -> bool:
        called = name(node.value) if isinstance(node, ast.Expr) else ""
        return isinstance(node, ast.Assert) or "assert" in called or (self.solution and called == "check")


def name(node: ast.expr) -> str:
    return ast.unparse(node.func).rsplit(".", 1)[-1] if isinstance(node, ast.Call) else ""


def defined(statement: ast.stmt) -> set[str]:
    """The names that a statement would have given."""
    stored = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    named = {node.name for node in ast.walk(statement) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    aliases = [
        alias for node in ast.walk(statement) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names
    ]
    return stored | named | {alias.asname or alias.name.split(".")[0] for alias in aliases}


def run(cells: list[tuple[str, bool]]) -> dict:
    """Each cell is its source and whether it is a solution. Gives claims, held, and what failed: [[statement, message], ...]."""
    met: dict[int, int] = {}
    held: dict[int, int] = {}
    space = {
        "__name__": "__main__",
        "__met__": lambda place: count(met, place),
        "__held__": lambda place: count(held, place),
    }
    places, failed, missing = 0, [], set()
    statements = [(statement, solution) for source, solution in cells for statement in ast.parse(source).body]
    for number, (statement, solution) in enumerate(statements):
        ledger = Ledger(solution, places)
        text = ast.unparse(statement)
        marked = ledger.visit(ast.parse(text).body[0])
        places += ledger.places
        tree = ast.Module(marked if isinstance(marked, list) else [marked], [])
        try:
            exec(compile(ast.fix_missing_locations(tree), f"chapter, statement {number}", "exec"), space)
        except Exception as error:
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            follows = bool(used & missing)
            missing |= defined(statement) - space.keys()
            if not follows:
                failed.append([failing_line(error, text, number), message(error)])
    good = sum(met.get(place) == held.get(place) for place in held)
    return {"claims": places, "held": good, "failed": failed}


def count(ledger: dict[int, int], place: int) -> None:
    ledger[place] = ledger.get(place, 0) + 1


def failing_line(error: Exception, text: str, number: int) -> str:
    """The line of the statement that was being run. A line that spans others in the chapter is one line here."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == f"chapter, statement {number}"]
    return text.splitlines()[lines[-1] - 1 if lines else 0].strip()


def message(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [""])[0]
    line = re.sub(r" \(/[^)]*\)", "", line)  # the folder of a module that lacks a name
    return f"{type(error).__name__}: {line[:120]}".removesuffix(": ")


def read(path: Path) -> list[tuple[str, bool]]:
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [(cell.source, "solution" in cell.metadata.get("tags", [])) for cell in code]


def unmerge_error() -> float:
    """How far, relative to it, the weight of a square Conv1D with DoRA is from what it was after merging and unmerging. 0 is right."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        base = Conv1D(6, 6)
        base.weight.copy_(torch.randn(6, 6))  # Conv1D starts at 0.02 times this, too small beside the update
        before = base.weight.clone()
        config = LoraConfig(r=2, use_dora=True, fan_in_fan_out=True, target_modules=["0"])
        layer = get_peft_model(torch.nn.Sequential(base), config).base_model.model[0]
        layer.lora_B["default"].weight.normal_()
        layer.lora_magnitude_vector["default"].weight.mul_(torch.linspace(0.5, 2, 6))
        layer.merge()
        layer.unmerge()
        return ((layer.base_layer.weight - before).norm() / before.norm()).item()


def main(path: str) -> None:
    import matplotlib.pyplot as plt

    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        found = run(read(Path(path)))
    plt.close("all")
    versions = {package: importlib.import_module(package).__version__ for package in ("peft", "transformers", "torch")}
    print(json.dumps(found | versions | {"unmerge_error": unmerge_error()}))


if __name__ == "__main__":
    main(sys.argv[1])
