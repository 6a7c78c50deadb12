"""Links that set anything: parts of every kind for each live figure, the same for one seed."""

import json
import random
import re
from functools import cache

import torch
from dorabook.live import (
    AxisDetective,
    DirectionDial,
    Knobs,
    NormExplorer,
    NormMonitor,
    ParameterCounter,
    TrainingRace,
    TwoRoads,
)
from dorabook.live.predict.predict import Predict

DRAWN = torch.randn(192, 576, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FIGURES = {
    "small": NormExplorer(id="f"),
    "large": NormExplorer(DRAWN, id="f"),
    "monitor": NormMonitor(DRAWN[:4, :5], id="f"),
    "dial": DirectionDial(id="f"),
    "race": TrainingRace(id="f"),
    "counter": ParameterCounter(id="f"),
    "roads": TwoRoads(id="f"),
    "detective": AxisDetective(id="f"),
    "knobs": Knobs(id="f"),
    "predict": Predict("How many?", {"128": "yes", "784": "no", "1": "no"}, answer="128", id="f"),
}


@cache
def kept(figure) -> dict:
    """What the page's script finds in the figure: its state, and what a link may set of it."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', figure.to_html())[1])


WORDS = [
    "input",
    "output",
    "detached",
    "true",
    "false",
    "square",
    "direction",
    "in%2Cout",
    "GPT-2",
    "",
    "<img>",
    "%",
    "null",
    "[]",
    "1;2",
]
DIGITS = [
    "0",
    "1",
    "-1",
    "0.5",
    "2",
    "7",
    "0.05",
    "1e-20",
    "1e6",
    "-1e6",
    "1e300",
    "NaN",
    "Infinity",
    "1e",
    "--1",
    "0.1.2",
    "999999999999999999999",
]


def random_link(draw: random.Random, figure) -> str:
    """One to four parts: keys of the figure or of another, values of every kind, now and then cut off in the middle."""
    state, allowed = (kept(figure)[part] for part in ("state", "allowed"))
    keys = [*state, *allowed, "pull", "axis", "__proto__", "toString"]

    def entry() -> str:
        place = ".".join(str(draw.choice([0, 1, 2, 5, 191])) for _ in range(draw.choice([1, 2, 2, 3])))
        return f"{place}~{draw.choice(DIGITS)}"

    def value() -> str:
        return draw.choice(
            [
                lambda: draw.choice(WORDS),
                lambda: draw.choice(DIGITS),
                lambda: ",".join(entry() for _ in range(draw.choice([1, 2, 9]))),
            ]
        )()

    def part() -> str:
        key = draw.choice(keys)
        ends = allowed.get(key)
        if not ends or draw.random() < 0.4:
            return f"{key}:{value()}"
        good = draw.choice(ends) if isinstance(ends, list) else picked(draw, ends)
        return f"{key}:0~{good}" if isinstance(state[key], list) else f"{key}:{str(good).replace('True', 'true')}"

    text = ";".join(part() for _ in range(draw.choice([1, 1, 2, 4])))
    return text[: draw.randrange(len(text))] if draw.random() < 0.2 else text


def drawn_like(value, draw: random.Random, ends: dict):
    return [drawn_like(part, draw, ends) for part in value] if isinstance(value, list) else picked(draw, ends)


def picked(draw: random.Random, ends: dict) -> float:
    """A number that a control can set, with few enough digits for a link."""
    step = ends.get("step") or (1 if ends["whole"] else 0)
    value = draw.uniform(ends["least"], ends["most"])
    return float(f"{step * round(value / step) if step else value:.3g}") if not ends["whole"] else round(value)


def within(value, ends) -> bool:
    if isinstance(ends, list):
        return value in ends
    leaves = torch.as_tensor(value, dtype=torch.float64).flatten()
    whole = not ends["whole"] or bool((leaves == leaves.round()).all())
    return bool(((leaves >= ends["least"]) & (leaves <= ends["most"])).all()) and whole
