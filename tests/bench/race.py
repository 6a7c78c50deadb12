"""What a step of TrainingRace costs in the page and in torch, and what a frame of the page takes while it races.

Both steps are timed in turns, in one run, by the clock of the thread that does the work: a busy machine does not lengthen it.
"""

import json
import os
import statistics
import time
from collections.abc import Callable

import browser as chromium
import torch
from bench.drag import MOVE, RANGE
from bench.table import HEAD, Row, met, table
from dorabook.live import TrainingRace
from dorabook.live.training_race.training_race import STEPS
from dorabook.race import problem, students, train
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from support.live_page import modules, open_figures

ROUNDS = 7
WARM_UP = 20  # frames
FRAMES = 120
FRAME = 16  # ms
SWEEP = 1  # s
NAMES = {"lora": "LoRA", "output": "per output", "input": "per input"}
RANKS = (2, 8)
STATE = TrainingRace(output=0.5, turn=0.5).state()

# Trains one student for a whole race as often as asked, in a timer, whose script Chromium counts.
TRAIN = """([state, arm, steps, times]) => new Promise((done) => setTimeout(() => {
    const { problem, student } = modules["training_race/race"];
    const asked = problem(state);
    for (let time = 0; time < times; time++) {
        const one = student(asked, { ...state, arm });
        one.forward();
        for (let step = 0; step < steps; step++) {
            one.step(state.rate * (1 - step / steps));
            one.forward();
        }
    }
    done();
}))"""
# In a timer too.
SWEPT = (
    """(state) => new Promise((done) => setTimeout(() => { modules["training_race/race"].sweepAt(state); done(); }))"""
)
TASK = "ThreadControllerImpl::RunTask"
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
        print(table([HEAD, *rows(browser)]))
        print(f"load {os.getloadavg()[0]:.1f} at the end")
        browser.close()


def rows(browser: Browser) -> list[Row]:
    """A training step in the page against the same step by torch, and a frame of the page, at the smallest and the largest rank."""
    torch.set_num_threads(1)
    found = []
    for rank in RANKS:
        for arm, name in NAMES.items():
            torchs, pages = step_times(browser, {**STATE, "rank": rank}, arm)
            shown = f"{pages:.1f} µs, {torchs / pages:.0f} times as fast"
            found.append(
                (f"a step, {name}, rank {rank}", f"torch eager {torchs:.0f} µs", shown, "faster", met(pages, torchs))
            )
    for rank in RANKS:
        for what, times in frame_times(browser, rank).items():
            high = statistics.quantiles(times, n=20)[-1]
            shown = f"p95 {high:.1f} ms, median {statistics.median(times):.1f} ms"
            found.append((f"a frame, {what}, rank {rank}", "–", shown, f"p95 ≤ {FRAME} ms", met(high, FRAME)))
        whole = sweep_time(browser, rank)
        found.append((f"a sweep of all rates, rank {rank}", "–", f"{whole:.2f} s", f"≤ {SWEEP} s", met(whole, SWEEP)))
    return found


def step_times(browser: Browser, state: dict, arm: str) -> tuple[float, float]:
    """Microseconds of a step, medians of rounds in which torch and the page take turns; the first round is not counted."""
    page = modules(browser, "training_race/race")
    tools = measured(page)
    rounds = [(torch_step(state, arm), page_step(page, tools, state, arm)) for _ in range(ROUNDS + 1)][1:]
    page.close()
    return tuple(1e6 * statistics.median(times) for times in zip(*rounds, strict=True))


def torch_step(state: dict, arm: str) -> float:
    asked = problem(**{name: state[name] for name in ("output", "input", "turn", "seed")})
    layer = students(asked, rank=state["rank"], seed=state["seed"], norm=state["norm"])[arm]
    start = time.thread_time()
    train(layer, asked, steps=STEPS, rate=state["rate"])
    return (time.thread_time() - start) / STEPS


def page_step(page: Page, tools: CDPSession, state: dict, arm: str) -> float:
    times = 10
    before = seconds(tools, "ScriptDuration")
    page.evaluate(TRAIN, [state, arm, STEPS, times])
    return (seconds(tools, "ScriptDuration") - before) / (STEPS * times)


def sweep_time(browser: Browser, rank: int) -> float:
    """Seconds of script in one sweep, from its start to its end."""
    page = modules(browser, "training_race/race")
    tools = measured(page)
    before = seconds(tools, "ScriptDuration")
    page.evaluate(SWEPT, {**STATE, "rank": rank})
    return seconds(tools, "ScriptDuration") - before


def frame_times(browser: Browser, rank: int) -> dict[str, list[float]]:
    """Milliseconds of the page's main thread in a frame, each kind of drive by itself."""
    page = open_figures(browser, TrainingRace(id="race", rank=rank), folder=None)
    page.wait_for_selector("figure[data-ready=true]")
    page.get_by_role("radio", name="fast").check(force=True)
    run = page.locator(".dora-race-run")

    def racing(_: int) -> None:
        if run.text_content() != "Pause":
            run.evaluate("(button) => button.click()")
        page.evaluate(NEXT_FRAME)

    times = {"racing at full speed": traced(browser, page, racing)}
    page.goto(page.url.split("#")[0] + f"#race=steps:{STEPS}")
    slider = page.get_by_role("slider", name="Rescale outputs").element_handle()
    low, high, step = slider.evaluate(RANGE)
    stops = round((high - low) / step)

    def dragging(at: int) -> None:
        slider.evaluate(MOVE, low + step * (stops - abs(at % (2 * stops) - stops)))

    times["a teacher dragged at the finish"] = traced(browser, page, dragging)
    page.get_by_role("radio", name="learning rate", exact=True).check(force=True)
    times["a teacher dragged while the rates are swept"] = traced(browser, page, dragging)
    page.context.close()
    return times


def traced(browser: Browser, page: Page, act: Callable[[int], None]) -> list[float]:
    """The processor's time of every task of the main thread that ran an animation frame: script, style, layout and paint."""
    for at in range(WARM_UP):
        act(at)
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    for at in range(FRAMES):
        act(at)
    events = [one for one in json.loads(browser.stop_tracing())["traceEvents"] if one.get("ph") == "X"]
    frames = [one for one in events if one["name"] == "FireAnimationFrame"]
    tasks = [one for one in events if one["name"] == TASK and "tdur" in one]
    return [task["tdur"] / 1000 for task in tasks if any(within(frame, task) for frame in frames)]


def within(inner: dict, outer: dict) -> bool:
    same = (inner["pid"], inner["tid"]) == (outer["pid"], outer["tid"])
    return same and outer["ts"] <= inner["ts"] <= outer["ts"] + outer["dur"]


def measured(page: Page) -> CDPSession:
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    return tools


def seconds(tools: CDPSession, name: str) -> float:
    return next(one["value"] for one in tools.send("Performance.getMetrics")["metrics"] if one["name"] == name)


if __name__ == "__main__":
    main()
