"""NormMonitor follows a weight that Python sets at every step, and sends what a page would keep of it, no more."""

import json

import pytest
import torch
from dorabook import decompose
from dorabook.layers import DoRALinear
from dorabook.live import NormExplorer, NormMonitor
from dorabook.live.norm_explorer.norm_monitor import SEEN
from support.live_page import boxed_figure, live_host, modules
from torch import nn

BARS = """() => Array.from(document.querySelectorAll(".dora-ne-lane"), (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const inked = [...Array(data.length / 4).keys()].filter((at) => data[4 * at + 3] > 0);
    return { inked: inked.length, ink: [0, 1, 2].map((c) => inked.reduce((sum, at) => sum + data[4 * at + c], 0) / inked.length) };
}).filter((lane, at) => at % 2 === 0)"""  # per output, per input; between them the dots of the direction


@pytest.fixture
def boxed(browser):
    def draw(figure):
        page = modules(browser, "norm_explorer/norm_explorer")
        page.add_style_tag(content=live_host.style())
        boxed_figure(page, "norm_explorer/norm_explorer", figure.state())
        return painted(page)

    return draw


# A box hears its size a frame after it stands in the page, and is drawn a frame later: some more, whatever they take.
FRAMES = "async () => { for (let left = 12; left; left -= 1) await new Promise(requestAnimationFrame); }"


def painted(page):
    page.evaluate(FRAMES)
    return page


def drawn(*size: int) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sent(figure) -> dict:
    return {name: value for name, value in figure.get_state().items() if name in {*SEEN, "weight"}}


def test_what_is_sent_is_an_overview_and_a_twentieth_of_the_weight():
    figure = NormMonitor(drawn(192, 576), per="output")
    assert sent(figure).keys() == set(SEEN)
    assert len(json.dumps(sent(figure))) < 192 * 576 * 8 / 20
    assert sent(figure) == {name: NormExplorer(drawn(192, 576)).state()[name] for name in SEEN}


def test_what_is_drawn_is_there_when_the_front_end_first_hears_of_the_figure(monkeypatch):
    """ipywidgets 7 draws at once, of what opens the channel."""
    opened = []
    monkeypatch.setattr(NormMonitor, "open", lambda figure: opened.append(sent(figure)))
    figure = NormMonitor(drawn(192, 576), per="output")
    assert opened == [sent(figure)]
    assert None not in opened[0].values()


@pytest.mark.parametrize("size", [(4, 5), (192, 576)])
def test_it_follows_a_layer_and_reads_back_the_layer_s_own_magnitudes(size):
    layer = DoRALinear(
        nn.Linear(*reversed(size)), per="output", rank=2, alpha=2, generator=torch.Generator().manual_seed(0)
    )
    figure = NormMonitor(layer.merged_weight(), per="output")
    with torch.no_grad():
        layer.magnitude.mul_(torch.linspace(0.5, 2, size[0])[:, None])
        layer.lora_B.normal_()
    figure.weight = layer.merged_weight()
    torch.testing.assert_close(figure.magnitude, layer.magnitude.detach().double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(
        torch.tensor(figure.norms["output"]), layer.magnitude.detach().flatten(), rtol=1e-3, atol=0
    )
    across = decompose.norms(layer.direction().detach(), per="input").flatten()
    torch.testing.assert_close(torch.tensor(figure.across["output"]), across, rtol=1e-3, atol=0)


def test_a_step_is_one_message():
    figure = NormMonitor(drawn(20, 30))
    messages = []
    figure._send = lambda message, buffers=None: messages.append(message)
    figure.weight = 2 * figure.weight
    assert [set(message["state"]) for message in messages] == [{"norms", "map"}]  # shape and direction are as they were


def test_a_weight_that_broke_is_refused_and_the_figure_stays():
    figure = NormMonitor(drawn(20, 30))
    before = figure.norms
    with pytest.raises(ValueError, match="weight holds NaN or infinity"):
        figure.weight = drawn(20, 30) / 0
    assert figure.norms == before


def test_a_figure_in_a_box_has_its_colours(boxed):
    magnitudes, others = boxed(NormMonitor(drawn(192, 576), per="output")).evaluate(BARS)
    assert magnitudes["ink"] == pytest.approx([0xD5, 0x5E, 0x00], abs=2)
    assert others["ink"] == pytest.approx([0x6B, 0x72, 0x80], abs=2)


def test_reset_takes_back_what_the_reader_did_and_not_what_python_set(boxed):
    figure = NormMonitor(drawn(192, 576), per="output")
    page = boxed(figure)
    page.get_by_role("radio", name="input", exact=True).check()
    figure.weight = 2 * figure.weight
    page.evaluate("(norms) => window.model.set('norms', norms)", figure.norms)
    page.get_by_role("button", name="Reset").click()
    assert page.evaluate("[window.model.get('per'), window.model.get('norms')]") == ["output", figure.norms]


def test_a_bar_that_stays_is_drawn_as_it_was(boxed):
    """Only output 0 grows, to what no bar had before."""
    figure = NormMonitor(torch.ones(192, 576, dtype=torch.float64), per="output")
    page = boxed(figure)
    before = page.evaluate(BARS)[1]["inked"]
    norms = {**figure.norms, "output": [1.2 * figure.norms["output"][0], *figure.norms["output"][1:]]}
    page.evaluate("(norms) => window.model.set('norms', norms)", norms)
    assert painted(page).evaluate(BARS)[1]["inked"] == before > 0
