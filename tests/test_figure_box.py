"""A box of figures and other ipywidgets: all of it under a kernel, and without one the figures and what is missing."""

import ipywidgets
import pytest
from dorabook.live import DirectionDial, FigureBox, NormExplorer
from dorabook.live.figure_box import VIEW, WITHOUT


def bundle(box) -> dict:
    data, _ = box._repr_mimebundle_()
    return data


def test_a_box_is_one_view_of_everything_and_stores_the_figures():
    dial, explorer = DirectionDial(id="dial"), NormExplorer(id="hero")
    box = FigureBox([ipywidgets.FloatSlider(), dial, ipywidgets.HBox([explorer])])
    shown = bundle(box)
    assert shown[VIEW]["model_id"] == box.model_id
    assert shown["text/plain"] == f"{dial.sentence}\n{explorer.sentence}"
    stored = shown["text/html"]
    assert f"{dial.to_html()}\n{explorer.to_html()}\n" in stored and stored.endswith(f"{WITHOUT}</p>")


@pytest.mark.parametrize("form", ["text/html", "text/plain"])
def test_what_is_stored_has_no_control_and_no_name_that_changes(form):
    first, second = (bundle(FigureBox([ipywidgets.IntSlider(), NormExplorer(id="hero")]))[form] for _ in range(2))
    assert first == second
    assert not [dead for dead in ("<input", "<button", "Slider", "VBox") if dead in first]


def test_a_box_brings_what_colab_needs_to_find_the_figures(monkeypatch):
    said = {VIEW: {"colab": {"custom_widget_manager": {"url": "there"}}}}
    figure = NormExplorer(id="hero")
    monkeypatch.setattr("anywidget._util.get_repr_metadata", lambda: said)
    assert FigureBox([ipywidgets.IntSlider(), figure])._repr_mimebundle_()[1] == said


def test_a_box_without_a_figure_is_refused():
    with pytest.raises(ValueError, match="it has no figure: use VBox"):
        FigureBox([ipywidgets.FloatSlider()])


def test_an_older_ipywidgets_shows_the_same_bundle():
    """Its widgets display themselves, unless a class says that this one does not."""
    assert FigureBox._ipython_display_ is None
