"""Draw book/_static/norms.png, the README's picture: one weight and both of its magnitude vectors.

Run it from the repository's root: PYTHONPATH=book .venv/bin/python tools/readme_picture.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from dorabook.decompose import Per, norms
from dorabook.figures import plot_magnitude, plot_matrix, use_style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TARGET = Path(__file__).parents[1] / "book" / "_static" / "norms.png"
WEIGHT = torch.tensor(  # (3, 5): output rows of length 5, 3 and 5, so the picture can be checked by hand
    [[3.0, 4.0, 0.0, 0.0, 0.0], [-2.0, 0.0, 1.0, 0.0, 2.0], [0.0, -1.0, 2.0, 4.0, -2.0]]
)
QUESTION = "One weight, two ways\nto take its lengths.\n\nWhich one is\nDoRA's magnitude?"


def draw(weight: torch.Tensor) -> Figure:
    """The weight (out, in), its per-output magnitudes beside it and its per-input magnitudes below."""
    figure, axes = plt.subplots(2, 2, figsize=(8, 4.6), width_ratios=[5, 3], height_ratios=[3, 2])
    (cells, beside), (below, corner) = axes
    outputs, inputs = weight.shape
    plot_matrix(weight, ax=cells, title=f"weight of Linear({inputs}, {outputs}), shape {tuple(weight.shape)}")
    cells.set_aspect("auto")
    cells.spines[:].set_visible(True)
    plot_lengths(weight, per="output", ax=beside)
    plot_lengths(weight, per="input", ax=below)
    beside.set_ylim(cells.get_ylim())  # each bar stands level with its output row, or under its input column
    below.set_xlim(cells.get_xlim())
    corner.axis("off")
    corner.text(0.04, 0.5, QUESTION, va="center", fontsize=12, transform=corner.transAxes)
    return figure


def plot_lengths(weight: torch.Tensor, *, per: Per, ax: Axes) -> Axes:
    """The norms along `per` as bars, each with its value at its end."""
    lengths = norms(weight, per=per)
    plot_magnitude(lengths, weight.shape, per=per, ax=ax, title=f"{lengths.numel()} numbers, one per {per}")
    ax.bar_label(ax.containers[0], fmt="%.1f", padding=3)
    room = 1.25 * float(lengths.max())
    (ax.set_xlim if per == "output" else ax.set_ylim)(0, room)
    return ax


if __name__ == "__main__":
    use_style()
    draw(WEIGHT).savefig(TARGET, dpi=120, pil_kwargs={"optimize": True})
