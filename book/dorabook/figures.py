"""One style for the book's pictures. Every function draws what it is given on `ax` and returns `ax`."""

from collections.abc import Sequence
from itertools import pairwise, product

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from .decompose import Per, check_magnitude, check_weight

ROLES = {"magnitude": "#D55E00", "direction": "#0072B2", "update": "#009E73", "frozen": "#6B7280"}
HATCHES = {"magnitude": "", "direction": "///", "update": "...", "frozen": ""}  # a role is never told by colour alone
SIGNED = LinearSegmentedColormap.from_list("signed", ["#7E57C2", "#FFFFFF", ROLES["frozen"]])

STYLE = {
    "figure.figsize": (7.0, 3.2),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#6B7280",
    "axes.grid": False,
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.facecolor": "white",
}


def use_style() -> None:
    """Set the book's matplotlib style, once a chapter."""
    mpl.rcParams.update(STYLE)


def panels(count: int, *, height: float = 3.2) -> list[Axes]:
    """`count` pictures of one plot each, in inches of width and `height`: a page sets them side by side, a phone below each other."""
    width = 4.7 if count == 1 else 7.0 / count
    return [plt.figure(figsize=(width, height)).subplots() for _ in range(count)]


def plot_matrix(matrix: Tensor, *, ax: Axes, title: str = "", names: tuple[str, str] = ("output", "input")) -> Axes:
    """A matrix as cells, violet below 0, grey above, coloured by the root of their values, which are written where they fit.

    `names` says what its rows and columns are: ("output", "input") for (out_features, in_features).
    """
    check_weight(matrix, name="matrix")
    values = matrix.detach().double()
    top = values.abs().max().item() or 1.0
    written = max(values.shape) <= 8
    shade = 0.6 if written else 1  # pale, for numbers in black, or white in the dark
    aspect = "equal" if max(values.shape) <= 16 else "auto"
    root = values.sign() * (values.abs() / top).sqrt()  # small ones apart
    ax.imshow(root.numpy(), cmap=SIGNED, vmin=-1, vmax=1, alpha=shade, aspect=aspect)
    ax.set(ylabel=f"{names[0]} ({values.shape[0]})", xlabel=f"{names[1]} ({values.shape[1]})", title=title)
    ax.spines[:].set_visible(False)
    if written:
        ax.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
        for (row, col), value in zip(_indices(values), values.flatten().tolist(), strict=True):
            ax.text(col, row, f"{value + 0.0:.1f}", ha="center", va="center", color="black", fontsize=9)
    return ax


def plot_magnitude(magnitude: Tensor, weight_shape: tuple[int, int], *, per: Per, ax: Axes, title: str = "") -> Axes:
    """DoRA's m as bars: sideways, one an output row, for per="output"; upright, one an input, for per="input"."""
    check_magnitude(magnitude, weight_shape, per=per)
    values = magnitude.detach().double().flatten().tolist()
    draw = ax.barh if per == "output" else ax.bar
    draw(range(len(values)), values, color=ROLES["magnitude"])
    if per == "output":
        ax.invert_yaxis()
    name_axis, value_axis = (ax.yaxis, ax.xaxis) if per == "output" else (ax.xaxis, ax.yaxis)
    name_axis.set_label_text(f"{per} ({len(values)})")
    value_axis.set_label_text(f"magnitude {tuple(magnitude.shape)}")
    if len(values) <= 8:
        name_axis.set_ticks(range(len(values)))
    ax.set_title(title)
    return ax


def plot_bars(
    values: dict[str, float], *, ax: Axes, role: str, title: str = "", label: str = "", form: str = "{:,.0f}"
) -> Axes:
    """Named numbers as bars lying on their side, each with its value written at its end."""
    bars = ax.barh(list(values), list(values.values()), color=ROLES[role], hatch=HATCHES[role], edgecolor="white")
    ax.bar_label(bars, [form.format(v) for v in values.values()], padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.22)
    ax.set(title=title, xlabel=label)
    return ax


def plot_arrows(vectors: dict[str, tuple[Sequence[float], str]], *, ax: Axes, title: str = "") -> Axes:
    """Arrows from the origin, equal scales: {label: ((x, y), role)}."""
    for number, (label, ((x, y), role)) in enumerate(vectors.items()):
        style = "-" if number % 2 == 0 else (0, (4, 2))
        arrow = {
            "arrowstyle": "-|>",
            "color": ROLES[role],
            "linewidth": 2,
            "linestyle": style,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", xy=(x, y), xytext=(0, 0), arrowprops=arrow)
        ax.annotate(label, xy=(x, y), xytext=(4, 4), textcoords="offset points")
    reach = 1.25 * max(abs(c) for (point, _) in vectors.values() for c in point)
    low = [min(0.0, *(point[i] for point, _ in vectors.values())) * 1.25 for i in (0, 1)]
    ax.set(xlim=(low[0] - 0.08 * reach, reach), ylim=(low[1] - 0.08 * reach, reach), aspect="equal", title=title)
    ax.axhline(0, color="#D1D5DB", linewidth=1, zorder=0)
    ax.axvline(0, color="#D1D5DB", linewidth=1, zorder=0)
    return ax


def _indices(values: Tensor) -> list[tuple[int, int]]:
    return [(row, column) for row in range(values.shape[0]) for column in range(values.shape[1])]


def plot_neurons(sizes: Sequence[int], names: Sequence[str], *, marked: tuple[int, int], ax: Axes) -> Axes:
    """Fully connected layers of `sizes` neurons, left to right, each with its name above.

    `marked` is (layer, index), from 0: the lines that enter this neuron are solid, those that leave it dashed.
    """
    place = [[(layer, (size - 1) / 2 - i) for i in range(size)] for layer, size in enumerate(sizes)]
    chosen = place[marked[0]][marked[1]]
    for here, there in pairwise(place):
        for start, end in product(here, there):
            touches, leaves = chosen in (start, end), chosen == start
            look = {"color": ROLES["magnitude"], "linewidth": 3, "zorder": 2} if touches else {"color": "#D1D5DB"}
            ax.plot(*zip(start, end, strict=True), linestyle="--" if leaves else "-", **look)
    for x, y in (point for layer in place for point in layer):
        fill = ROLES["magnitude"] if (x, y) == chosen else "white"
        ax.plot(x, y, "o", color=fill, markeredgecolor=ROLES["frozen"], markersize=15, zorder=3)
    for layer, name in enumerate(names):
        ax.text(layer, (max(sizes) - 1) / 2 + 0.55, name, ha="center")
    ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-max(sizes) / 2, max(sizes) / 2 + 0.5))
    ax.axis("off")
    return ax


WIRES = {  # colour and dash of a wire; the dash alone tells them apart
    "shared": {"color": ROLES["magnitude"], "linewidth": 3},
    "branch": {"color": ROLES["magnitude"], "linewidth": 2, "linestyle": (0, (4, 2))},
    "alone": {"color": ROLES["frozen"], "linewidth": 1.5, "linestyle": (0, (1, 1.5))},
}


def plot_wires(boxes: dict[str, tuple[float, float]], wires: Sequence[tuple[str, str, str]], *, ax: Axes) -> Axes:
    """Named boxes at (x, y) and arrows (from, to, kind) between them, kind one of `WIRES`."""
    drawn = {}
    for name, (x, y) in boxes.items():
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": ROLES["frozen"]}
        drawn[name] = ax.text(x, y, name, ha="center", va="center", fontsize=9, bbox=box, zorder=3).get_bbox_patch()
    for start, end, kind in wires:
        ends = {"patchA": drawn[start], "patchB": drawn[end], "shrinkA": 1, "shrinkB": 1}
        arrow = {"arrowstyle": "-|>", "mutation_scale": 14, **ends, **WIRES[kind]}
        ax.annotate("", xy=boxes[end], xytext=boxes[start], arrowprops=arrow)
    low, high = ([pick(at[i] for at in boxes.values()) for i in (0, 1)] for pick in (min, max))
    ax.set(xlim=(low[0] - 0.6, high[0] + 0.6), ylim=(low[1] - 0.6, high[1] + 0.6))
    ax.axis("off")
    return ax


PATHS = {"magnitude": (0, (4, 3)), "direction": "-", "update": (0, (1, 1.5)), "frozen": (0, (6, 2, 1, 2))}


def plot_paths(paths: dict[str, tuple[Tensor, str]], *, ax: Axes, title: str = "") -> Axes:
    """Numbers over training steps: {name: ((steps, lines), role)}, a role with its own dash, a name once in the legend."""
    for name, (values, role) in paths.items():
        lines = ax.plot(values.detach().double().numpy(), color=ROLES[role], linestyle=PATHS[role])
        lines[0].set_label(name)
    ax.legend(loc="upper left")
    ax.set_title(title)
    return ax


def plot_runs(runs: dict[str, tuple[Sequence[float], str]], *, ax: Axes, title: str = "", label: str = "") -> Axes:
    """Every run a dot: {name: (values, role)}, a line a name, its mean a tick. The k-th value of a line is the k-th from above."""
    for row, (values, role) in enumerate(runs.values()):
        heights = [row + 0.5 * ((k + 0.5) / len(values) - 0.5) for k in range(len(values))]
        ax.plot(values, heights, "o", color=ROLES[role], markersize=5, markeredgecolor="white", markeredgewidth=0.6)
        ax.vlines(sum(values) / len(values), row - 0.38, row + 0.38, color=ROLES[role], linewidth=2)
    ax.set(yticks=range(len(runs)), yticklabels=list(runs), ylim=(len(runs) - 0.4, -0.6), title=title, xlabel=label)
    ax.tick_params(axis="y", length=0)
    for row in range(len(runs) - 1):
        ax.axhline(row + 0.5, color="#E5E7EB", linewidth=0.8, zorder=0)
    return ax


def plot_intervals(
    contrasts: dict[str, tuple[Sequence[float], tuple[float, float, float], str]],
    *,
    ax: Axes,
    margin: float,
    label: str = "",
) -> Axes:
    """Paired differences, {name: (one a pair, (low, mean, high), role)}, beside the band of what is too small to matter."""
    ax.axvspan(-margin, margin, color="#F3F4F6", zorder=0)
    ax.axvline(0, color=ROLES["frozen"], linewidth=1, zorder=1)
    for row, (differences, (low, mean, high), role) in enumerate(contrasts.values()):
        ax.plot([low, high], [row, row], color=ROLES[role], linewidth=2)
        ax.plot(mean, row, "D", color=ROLES[role], markersize=6)
        ax.plot(differences, [row + 0.27] * len(differences), "o", color=ROLES[role], markersize=3, alpha=0.8)
    ax.set(yticks=range(len(contrasts)), yticklabels=list(contrasts), ylim=(len(contrasts) - 0.3, -0.6), xlabel=label)
    ax.tick_params(axis="y", length=0)
    return ax
