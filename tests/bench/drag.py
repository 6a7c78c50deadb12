"""Script time of one frame while a slider of NormExplorer is dragged."""

import base64
from itertools import pairwise

import torch
from dorabook.live import NormExplorer
from playwright.sync_api import Browser, CDPSession, Page
from support.live_page import open_figures

FRAMES = 150
WARM_UP = 30

# The figure as a kernel's front end has it: anywidget's model, large matrices as raw bytes. `text` is the module.
MOUNT = """async ({ text, css, state }) => {
    const bytes = (packed) => new DataView(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)).buffer);
    for (const value of Object.values(state)) if (value?.data) value.data = bytes(value.data);
    const heard = new Map();
    const model = {
        get: (key) => state[key],
        set(key, value) {
            if (state[key] === value) return;
            state[key] = value;
            (heard.get(`change:${key}`) ?? []).forEach((listener) => listener());
        },
        on: (event, listener) => heard.set(event, [...(heard.get(event) ?? []), listener]),
        off() {},
        save_changes() {},
    };
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
    const module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    module.default.render({ model, el: document.querySelector("main") });
}"""

# One `input` event, and a promise that is kept after the frame it asks for.
MOVE = """(slider, value) => {
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}"""
RANGE = "slider => [slider.min, slider.max, slider.step].map(Number)"
SLIDERS = {"a weight": "Weight from input", "poke": "Poke the magnitude", "the update": "Add the rank"}


def frame_times(browser: Browser, out: int, into: int) -> dict[str, list[float]]:
    """Milliseconds of script in each frame, for every kind of drag, at a weight of shape (out, into).

    A page does not hold a weight above 64 by 64, so a larger one is mounted as a kernel's front end mounts it.
    """
    figure = explorer(out, into)
    page = on_a_page(browser, figure) if figure.state()["weight"] else under_a_kernel(browser, figure)
    page.get_by_text("Change the weight").click()
    times = {what: dragged(page, name) for what, name in SLIDERS.items()}
    page.context.close()
    return times


def dragged(page: Page, name: str) -> list[float]:
    """Drag the slider up and down, a step a frame. Chromium counts the script that the page runs for it, in events,
    animation frames and timers, by the processor's clock: a busy machine does not lengthen it."""
    slider = page.get_by_role("slider", name=name).element_handle()
    low, high, step = slider.evaluate(RANGE)
    stops = round((high - low) / step)
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    counted = [script_seconds(tools)]
    for at in range(WARM_UP + FRAMES):
        slider.evaluate(MOVE, low + step * (stops - abs(at % (2 * stops) - stops)))
        counted.append(script_seconds(tools))
    tools.detach()
    return [1000 * (after - before) for before, after in pairwise(counted)][WARM_UP:]


def script_seconds(tools: CDPSession) -> float:
    return next(
        one["value"] for one in tools.send("Performance.getMetrics")["metrics"] if one["name"] == "ScriptDuration"
    )


def explorer(out: int, into: int) -> NormExplorer:
    """A figure with an update added and a magnitude poked, so that a frame has everything to compute."""
    weight = torch.randn(out, into, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return NormExplorer(weight, id="hero", scaling=0.5, poke=1.5)


def on_a_page(browser: Browser, figure: NormExplorer) -> Page:
    page = open_figures(browser, figure, folder=None)
    page.wait_for_selector("figure[data-ready=true]")
    return page


def under_a_kernel(browser: Browser, figure: NormExplorer) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_content("<main></main>")
    sent = figure.get_state(list(figure.state_traits()))
    state = {name: to_text(value) for name, value in sent.items()}
    page.evaluate(MOUNT, {"text": figure._esm, "css": figure._css, "state": state})
    page.wait_for_selector(".dora[data-ready=true]")
    return page


def to_text(value: object) -> object:
    """A raw matrix with its bytes as base64, since a page is handed JSON."""
    if isinstance(value, dict) and "data" in value:
        return {**value, "data": base64.b64encode(value["data"]).decode()}
    return value
