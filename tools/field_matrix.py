"""What happens between the tool that writes a DoRA adapter and the one that reads it: book/data/field_matrix.csv.

    python tools/field_matrix.py                        every cell anew; needs a network the first time
    python tools/field_matrix.py "peft" "InvokeAI"      one cell again, written by the first and read by the second; nothing is stored

Each library lies in a folder of its own under _build/field, before .venv on the path, with the versions below. Writers and readers are in
field_cells.py. A row says of one file what the reader makes of it: right, refused, m dropped, or silently wrong and by how much. The table
is replaced at the end and only whole. A library that does not install or import keeps its place with the reason, and no cell.
"""

import argparse
import json
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import Lock

sys.path.append(str(Path(__file__).parents[1] / "book" / "_ext"))

import disk
import field_cells
import field_guide
import kept
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "book" / "data" / "field_matrix.csv"
PROVENANCE = TABLE.with_suffix(".json")
DRAWN = ROOT / "book" / "dorabook" / "live" / "field_matrix" / "cells.json"
OVERLAYS = ROOT / "_build" / "field"
FIELDS = (
    "writer",
    "reader",
    "evidence",
    "route",
    "layer",
    "state",
    "verdict",
    "difference",
    "poked",
    "outputs",
    "said",
)
HARM = ("right", "refused", "m dropped", "silently wrong")
RIGHT = 1e-4  # float32 leaves a thousandth of this, and the least harm seen is a hundred times as much
SECONDS, AT_ONCE = 1800, 8
INSTALLING = Lock()
LYCORIS = ("einops==0.8.2", "toml==0.10.2")


@dataclass(frozen=True)
class Library:
    """One of field_cells.LIBRARIES, in one version. Nothing to install: it is in .venv, or rebuilt from what its source says."""

    name: str
    packages: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return OVERLAYS / "+".join(self.packages).replace("==", "-")

    @property
    def evidence(self) -> str:
        return "source" if self.name in field_cells.REBUILT else "ran"


def lycoris(version: str, name: str = "LyCORIS") -> Library:
    return Library(name, (f"lycoris-lora=={version}", *LYCORIS))


TORCHTUNE = Library("torchtune", ("torchtune==0.6.1", "torchao==0.10.0"))
MLX = ("mlx==0.32.4", "mlx-cpu==0.32.4")
MLX_LM, MLX_VLM = Library("mlx-lm", ("mlx-lm==0.32.2", *MLX)), Library("mlx-vlm", ("mlx-vlm==0.7.10", *MLX))
BIDORA, OMG = Library("bidora", ("bidora==0.1.2",)), Library("omg-hybridomga", ("omg-hybridomga==1.0.1",))
TRANSFORMERS = ("transformers==4.57.6", "huggingface_hub==0.36.0", "tokenizers==0.22.1")
ADAPTERHUB = Library("AdapterHub adapters", ("adapters==1.3.0", *TRANSFORMERS))
MEGATRON = Library("Megatron-Bridge", ("megatron-bridge==0.3.1", "megatron-core==0.16.1"))
DIFFUSERS = ("diffusers==0.42.1", "importlib_metadata==10.2.0", "zipp==4.1.2")
SIMPLETUNER = ("simpletuner==3.1.6", *DIFFUSERS)
WRITERS = {
    "peft": Library("peft"),
    "ms-swift": Library("ms-swift", ("ms-swift==4.6.0", "peft==0.20.0")),
    "SimpleTuner": Library("SimpleTuner", SIMPLETUNER),
    "SimpleTuner, lora_format=comfyui": Library("SimpleTuner, lora_format=comfyui", SIMPLETUNER),
    "torchtune": TORCHTUNE,
    "mlx-lm": MLX_LM,
    "mlx-vlm": MLX_VLM,
    "AdapterHub adapters": ADAPTERHUB,
    "Megatron-Bridge": MEGATRON,
    "omg-hybridomga": OMG,
    "NVlabs/DoRA": Library("NVlabs/DoRA"),
    "ai-toolkit": Library("ai-toolkit"),
    "Stable Audio 3, dora-rows": Library("Stable Audio 3, dora-rows"),
    "LyCORIS 3.2.0": lycoris("3.2.0"),
    "LyCORIS 4.1.3": lycoris("4.1.3"),
    "OneTrainer, lora_decompose_output_axis": Library("OneTrainer, lora_decompose_output_axis"),
    "LyCORIS 4.1.3, wd_on_output=False": lycoris("4.1.3", "LyCORIS, wd_on_output=False"),
    "LyCORIS 3.1.0": lycoris("3.1.0"),
    "OneTrainer": Library("OneTrainer"),
    "bidora": BIDORA,
    "Stable Audio 3, dora-cols": Library("Stable Audio 3, dora-cols"),
    "LyCORIS 2.2.0": lycoris("2.2.0"),
}
READERS = {
    "peft": Library("peft"),
    "axolotl": Library("axolotl", ("axolotl==0.19.0", "peft==0.20.0")),
    "unsloth": Library("unsloth", ("unsloth_zoo==2026.10.9",)),
    "unsloth-zoo, MLX": Library("unsloth-zoo, MLX", ("unsloth_zoo==2026.10.9", *MLX_LM.packages)),
    "SimpleTuner": Library("SimpleTuner", SIMPLETUNER),
    "diffusers": Library("diffusers", DIFFUSERS),
    "torchtune": TORCHTUNE,
    "mlx-lm": MLX_LM,
    "mlx-vlm": MLX_VLM,
    "AdapterHub adapters": ADAPTERHUB,
    "Megatron-Bridge": MEGATRON,
    "omg-hybridomga": OMG,
    "TensorRT-LLM": Library("TensorRT-LLM"),
    "LyCORIS 4.1.3": lycoris("4.1.3"),
    "LyCORIS 4.1.3, from weights": lycoris("4.1.3", "LyCORIS, from weights"),
    "LyCORIS 4.1.3, wd_on_output=False": lycoris("4.1.3", "LyCORIS, wd_on_output=False"),
    "LyCORIS 3.1.0": lycoris("3.1.0"),
    "InvokeAI": Library("InvokeAI", ("invokeai==6.14.2",)),
    "bidora": BIDORA,
    "ComfyUI, Forge": Library("ComfyUI, Forge"),
    "SD.Next": Library("SD.Next"),
    "reForge": Library("reForge"),
    "stable-diffusion.cpp": Library("stable-diffusion.cpp"),
    "vLLM": Library("vLLM"),
    "SGLang": Library("SGLang"),
    "mistral.rs": Library("mistral.rs"),
}


def install(library: Library) -> None:
    """The library without what it depends on, once; the folder is there only when all of it is."""
    with INSTALLING:
        if library.packages and not library.folder.exists():
            download(library)


def download(library: Library) -> None:
    """RuntimeError with what pip says last where one of its packages does not install."""
    OVERLAYS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OVERLAYS) as half:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            f"{half}/it",
            *library.packages,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{library.packages[0]} does not install: {last_line(done.stderr)}")
        os.replace(f"{half}/it", library.folder)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]


def asked(do: str, library: Library, folder: Path) -> str:
    """What the library's cells print in its environment. RuntimeError with the last line where they stop."""
    install(library)
    name = (library.packages or [library.name])[0]
    with tempfile.TemporaryDirectory() as place:
        process = multiprocessing.get_context("fork").Process(target=apart, args=(do, library, folder, Path(place)))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            raise RuntimeError(f"{name} does not end within {SECONDS} seconds")
        if process.exitcode:
            raise RuntimeError(f"{name} does not run: {last_line(Path(place, 'error').read_text())}")
        return Path(place, "said").read_text()


def apart(do: str, library: Library, folder: Path, place: Path) -> None:
    """The cells in a copy of this process, with the library before .venv on the path: torch is loaded once for all of them."""
    if library.packages:
        sys.path.insert(0, str(library.folder))
    os.chdir(place)  # some leave a folder where they run
    with open("said", "w") as said, open("error", "w") as error:
        try:
            field_cells.apart(do, library.name, folder, said)
        except BaseException:
            traceback.print_exc(file=error)
            error.flush()
            os._exit(1)
    os._exit(0)  # what the copy brought along of this process's threads has no end of its own


def judged(seen: dict, trained: torch.Tensor) -> tuple[str, str]:
    """Verdict and relative difference: how far the reader's answers are from those of the layer that wrote the file."""
    if "refused" in seen:
        return "refused", ""
    if "answer" not in seen:
        return "not told", ""
    difference = ((torch.tensor(seen["answer"]) - trained.flatten()).norm() / trained.norm()).item()
    if not seen["moved"]:
        return "m dropped", f"{difference:.3g}" if difference > RIGHT else "0"
    return ("right", "0") if difference < RIGHT else ("silently wrong", f"{difference:.3g}")


def at_once(
    do: str, libraries: dict[str, Library], folder: Callable[[str], Path]
) -> Iterator[tuple[str, str | Exception]]:
    """What each library's run printed, or why there is none, in their order: some run side by side, since each spends its time on imports."""

    def one(name: str) -> str | Exception:
        try:
            return asked(do, libraries[name], folder(name))
        except RuntimeError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from zip(libraries, pool.map(one, libraries), strict=True)


def in_folder(writer: str) -> str:
    return writer.replace("/", " of ")


def cells(writers: dict[str, Library], readers: dict[str, Library], folder: Path) -> tuple[list[dict], dict[str, str]]:
    """A row for each file that a reader was given, and why a library has none."""
    rows, grey = [], {}
    for name in writers:
        (folder / in_folder(name)).mkdir()
    for name, said in at_once("write", writers, lambda name: folder / in_folder(name)):
        if isinstance(said, Exception):
            grey[name] = str(said)
    for name, said in at_once("read", readers, lambda name: folder):
        if isinstance(said, Exception):
            grey[name] = str(said)
            continue
        library, lines = readers[name], said.splitlines()
        for seen in map(json.loads, lines):
            stem = folder / seen["writer"] / f"{seen['layer']}-{seen['state']}.parts"
            seen["writer"] = next(writer for writer in writers if in_folder(writer) == seen["writer"])
            answer = load_file(stem)["answer"]
            verdict, difference = judged(seen, answer)
            outputs = answer.shape[1]
            evidence = {library.evidence, writers[seen["writer"]].evidence}
            rows.append(
                {key: seen[key] for key in ("writer", "route", "layer", "state")}
                | {"reader": name, "verdict": verdict, "difference": difference, "outputs": outputs}
                | {"evidence": "source" if "source" in evidence else "ran", "said": seen.get("refused", "")}
                | {"poked": "" if seen.get("moved") is None else seen["moved"]}
            )
    places = {field: list(order) for field, order in (("writer", writers), ("reader", readers))}
    places |= {
        "route": ["as written", "translated"],
        "layer": list(field_cells.LAYERS),
        "state": list(field_cells.STATES),
    }
    rows.sort(key=lambda row: [order.index(row[field]) for field, order in places.items()])
    return [row for row in rows if row["verdict"] != "not told"], grey


def axis(name: str) -> str:
    """The axis a writer or reader of the matrix keeps, from the field guide: of its own option, its version, or its row."""
    wanted = name.partition(",")[0]
    per = {
        "wd_on_output=False": "input",
        "lora_decompose_output_axis": "output",
        "dora-rows": "output",
        "dora-cols": "input",
    }
    for option, found in per.items():
        if name.endswith(option):
            return found
    library, _, version = wanted.partition(" ") if wanted.startswith("LyCORIS") else (wanted, "", "")
    rows = [
        row
        for row in field_guide.rows()
        if (row["library"] == library and row["role"] != "reads") or row["library"] == wanted
    ]
    row = next((row for row in rows if "default" in row), rows[0])
    if row["axis"] == "theirs":
        return axis("peft")  # the layer of peft that it takes
    if "default" not in row:
        return row["axis"]
    number = [int(part) for part in version.split(".")] if version else [10**6]
    came = [one for start, one in row["default"].items() if [int(part) for part in start.split(".") if part] <= number]
    return came[-1]


def brief(said: str) -> str:
    """What a library said, in the figure's words where it is one of torch's long messages."""
    if "size mismatch" in said:
        return "an error: m has another shape than the layer keeps"
    if "broadcast" in said or "must match the size" in said:
        return "an error: the shapes of m and of the norm do not go together"
    said = said.partition(": dict_keys(")[0]  # the names of the file in hand
    return said if re.match("none|its|m has", said) else f"an error, {said[:80]}"


def drawn(rows: list[dict], grey: dict[str, str]) -> dict:
    """The table as the figure has it: for each route, writer and reader the number of what happens, each kind of which is kept once."""
    said = [""]
    found: dict[str, dict] = {"as written": {}, "translated": {}}
    for row in rows:
        words = brief(row["said"]) if row["said"] else ""
        said += [words] if words not in said else []
        place = list(WRITERS).index(row["writer"]), list(READERS).index(row["reader"])
        layers = found[row["route"]].setdefault(place, {})
        layer = layers.setdefault(row["layer"], [row["layer"], 0, 0, 0, None, int(row["outputs"]), 0])
        if (off := float(row["difference"] or 0)) > 0:
            layer[2 + field_cells.STATES.index(row["state"])] = off
        if (verdict := HARM.index(row["verdict"])) >= layer[1]:
            layer[1], layer[6] = verdict, said.index(words)
        layer[4] = None if row["poked"] == "" else int(row["poked"])
    happens = [[*layers.values()] for each in found.values() for layers in each.values()]
    outcomes = [one for at, one in enumerate(happens) if one not in happens[:at]]
    kept = {
        route: [
            [outcomes.index([*each[w, r].values()]) if (w, r) in each else None for r in range(len(READERS))]
            for w in range(len(WRITERS))
        ]
        for route, each in found.items()
    }
    names = {"writers": WRITERS, "readers": READERS}
    return {
        kind: [[name, axis(name), library.evidence] for name, library in each.items()] for kind, each in names.items()
    } | {"verdicts": HARM, "said": said, "grey": grey, "outcomes": outcomes, "cells": kept}


def provenance(grey: dict[str, str]) -> dict:
    versions = {name: library.packages for name, library in (WRITERS | READERS).items() if library.packages}
    return {
        "what": "what a reader makes of a writer's DoRA file; fields, and what a verdict is, in tools/field_matrix.py",
        "command": "python tools/field_matrix.py",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "packages": {"peft": [f"peft=={metadata.version('peft')}"], **versions},
        "did not run": grey,
    }


def store(rows: list[dict], grey: dict[str, str]) -> None:
    """What can fail is made before the first file is replaced."""
    told = [{field: str(row[field]) for field in FIELDS} for row in rows]  # as the table gives them back
    made = {
        DRAWN: json.dumps(drawn(told, grey), ensure_ascii=False, separators=(",", ":")),
        PROVENANCE: json.dumps(provenance(grey), indent=1),
    }
    kept.write(TABLE, FIELDS, told)
    for path, text in made.items():
        disk.replace(path, text + "\n")


def main(writer: str | None, reader: str | None) -> None:
    known = [("writer", writer, WRITERS), ("reader", reader, READERS)]
    for word, name, names in known:
        if name is not None and name not in names:
            sys.exit(f"There is no {word} {name!r}. There are: {'; '.join(names)}")
    chosen = [{name: names[name]} if name else names for _, name, names in known]
    with tempfile.TemporaryDirectory() as folder:
        rows, grey = cells(*chosen, Path(folder))
    for name, reason in grey.items():
        print(f"{name}: {reason}")
    if writer is None:
        store(rows, grey)
    else:
        for row in rows:
            print(", ".join(f"{field} {row[field]}" for field in FIELDS if row[field] != ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("writer", nargs="?")
    parser.add_argument("reader", nargs="?")
    main(**vars(parser.parse_args()))
