"""Pictures draw the numbers they are given, on the axes they are given."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from dorabook import figures
from matplotlib import pyplot as plt

WEIGHT = torch.tensor([[3.0, 4.0, 0.0], [0.0, 6.0, -8.0]])  # (2, 3)


@pytest.fixture(autouse=True)
def closed_figures():
    with mpl.rc_context(), mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def test_a_number_below_zero_has_one_colour_in_pictures_and_in_figures_and_it_is_no_roles():
    style = (Path(figures.__file__).parent / "live" / "live.css").read_text(encoding="utf-8")
    live = {name: re.search(rf"--dora-{name}: (#[0-9a-f]{{6}});", style)[1] for name in ("below", *figures.ROLES)}
    below, above = (mpl.colors.to_hex(figures.SIGNED(level)) for level in (0.0, 1.0))
    assert (below, above) == (live["below"], live["frozen"])
    assert {name: colour.lower() for name, colour in figures.ROLES.items()} == {
        name: live[name] for name in figures.ROLES
    }
    assert below not in [live[name] for name in figures.ROLES]


def test_matrix_cells_hold_the_values_and_the_axes_say_what_they_are():
    (ax,) = figures.panels(1)
    assert figures.plot_matrix(WEIGHT, ax=ax, title="claim") is ax
    root = torch.tensor(ax.images[0].get_array())  # so that 0.2 beside 5 is no white
    torch.testing.assert_close(root * root.abs(), (WEIGHT / 8).double())
    assert [t.get_text() for t in ax.texts] == ["3.0", "4.0", "0.0", "0.0", "6.0", "-8.0"]
    assert (ax.get_ylabel(), ax.get_xlabel(), ax.get_title(loc="left")) == ("output (2)", "input (3)", "claim")
    assert ax.images[0].get_clim() == (-1, 1)  # white is zero


@pytest.mark.parametrize(("per", "values"), [("output", [5.0, 10.0]), ("input", [3.0, 52**0.5, 8.0])])
def test_magnitude_bars_lie_along_their_axis(per, values):
    (ax,) = figures.panels(1)
    magnitude = torch.tensor(values).reshape((2, 1) if per == "output" else (1, 3))
    figures.plot_magnitude(magnitude, (2, 3), per=per, ax=ax)
    lengths = [bar.get_width() if per == "output" else bar.get_height() for bar in ax.patches]
    assert lengths == pytest.approx(values)
    assert ax.yaxis_inverted() == (per == "output")  # output 0 on top, as in the matrix beside it
    named = ax.get_ylabel() if per == "output" else ax.get_xlabel()
    assert named == f"{per} ({len(values)})"


def test_panels_are_pictures_of_their_own_and_as_wide_together_as_they_were():
    first, second = figures.panels(2, height=2.0)
    assert first.figure is not second.figure
    assert [tuple(ax.figure.get_size_inches()) for ax in (first, second)] == [(3.5, 2.0), (3.5, 2.0)]


def test_magnitude_of_the_other_axis_is_refused():
    (ax,) = figures.panels(1)
    with pytest.raises(ValueError, match="one per output"):
        figures.plot_magnitude(torch.ones(1, 3), (2, 3), per="output", ax=ax)


def test_bars_carry_their_values():
    (ax,) = figures.panels(1)
    figures.plot_bars({"per output": 155520, "per input": 149760}, ax=ax, role="magnitude", label="magnitudes")
    assert [t.get_text() for t in ax.texts] == ["155,520", "149,760"]


def test_arrows_start_at_the_origin_and_scales_are_equal():
    (ax,) = figures.panels(1)
    figures.plot_arrows({"row": ((3.0, 4.0), "frozen"), "direction": ((0.6, 0.8), "direction")}, ax=ax)
    arrows = [t for t in ax.texts if t.arrow_patch is not None]
    assert [(t.xyann, t.xy) for t in arrows] == [((0, 0), (3.0, 4.0)), ((0, 0), (0.6, 0.8))]
    assert ax.get_aspect() == 1


def test_every_role_is_told_without_colour_where_two_meet():
    assert set(figures.HATCHES) == set(figures.ROLES)
    assert figures.HATCHES["direction"] and figures.HATCHES["update"]


def test_lines_into_the_marked_neuron_are_solid_and_lines_out_of_it_dashed():
    (ax,) = figures.panels(1)
    figures.plot_neurons((3, 4, 2), ("x (3)", "h (4)", "y (2)"), marked=(1, 1), ax=ax)
    lines = [line for line in ax.lines if line.get_marker() != "o"]
    marked = [line for line in lines if line.get_color() == figures.ROLES["magnitude"]]
    assert len(lines) == 3 * 4 + 4 * 2
    assert [line.get_linestyle() for line in marked] == ["-"] * 3 + ["--"] * 2  # its row of (4, 3), its part of (2, 4)
    assert all(line.get_linestyle() == "-" for line in lines if line not in marked)
    neurons = [tuple(*line.get_xydata()) for line in ax.lines if line.get_marker() == "o"]
    (at,) = {tuple(line.get_xydata()[1]) for line in marked[:3]}
    assert neurons[3 + 1] == at == tuple(marked[3].get_xydata()[0])
    assert [t.get_text() for t in ax.texts] == ["x (3)", "h (4)", "y (2)"]


def test_wires_run_from_box_to_box_and_no_two_kinds_look_alike():
    (ax,) = figures.panels(1)
    boxes = {"up": (0.0, 1.0), "down": (2.0, 0.0), "add": (3.0, 0.0)}
    figures.plot_wires(boxes, [("up", "down", "shared"), ("down", "add", "alone")], ax=ax)
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert [(a.xyann, a.xy) for a in arrows] == [(boxes["up"], boxes["down"]), (boxes["down"], boxes["add"])]
    assert {t.get_text(): t.get_position() for t in ax.texts if t.get_text()} == boxes
    assert len({str(look.get("linestyle", "-")) for look in figures.WIRES.values()}) == len(figures.WIRES)


def test_paths_draw_one_line_a_column_of_steps_by_lines_and_name_a_group_once():
    (ax,) = figures.panels(1)
    lengths, m = torch.tensor([[1.0, 5.0], [2.0, 4.0], [3.0, 3.0]]), torch.tensor([[7.0], [8.0], [9.0]])
    figures.plot_paths({"length": (lengths, "direction"), "its m": (m, "magnitude")}, ax=ax, title="claim")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 2.0, 3.0], [5.0, 4.0, 3.0], [7.0, 8.0, 9.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["length", "its m"]
    assert ax.lines[0].get_linestyle() == ax.lines[1].get_linestyle() != ax.lines[2].get_linestyle()
    assert len(set(map(str, figures.PATHS.values()))) == len(figures.ROLES)  # no two roles look alike without colour
