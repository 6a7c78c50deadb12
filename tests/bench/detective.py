"""How long AxisDetective takes for an adapter and a base of 1 GB in a real page, what it reads, and whether a drag stays smooth.

`PYTHONPATH=book:tests:tools:book/_ext python -m bench.detective` makes the pair in a temporary folder and prints a row for each dtype of the base.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import browser as chromium
import torch
from bench.drag import explorer
from bench.record import keep
from bench.table import HEAD, Row, table
from playwright.sync_api import Page, sync_playwright
from safetensors.torch import save_file
from support.live_page import open_figures

SIDE, RANK = 4096, 16
BYTES = 1_000_000_000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FIGURE = (
    '<figure class="dora-figure" id="detective" data-figure="axis-detective"><figcaption>An adapter.</figcaption><script type="application/json">'
    + json.dumps({"allowed": {}, "state": {"example": "output"}})
    + "</script></figure>"
)
# Between two frames while the files are read and a slider of another figure moves a step each frame.
FRAMES = """(slider) => {
    const times = [];
    let last = performance.now(), up = 1;
    const frame = (now) => {
        times.push(now - last);
        last = now;
        if (Number(slider.value) >= Number(slider.max)) up = -1;
        if (Number(slider.value) <= Number(slider.min)) up = 1;
        slider.value = Number(slider.value) + up * Number(slider.step);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        window.framing = requestAnimationFrame(frame);
    };
    window.frames_ = times;
    window.framing = requestAnimationFrame(frame);
    const slice = Blob.prototype.slice;
    window.bytesRead = 0;
    Blob.prototype.slice = function (start, end) { window.bytesRead += end - start; return slice.call(this, start, end); };
}"""


def pair(folder: Path, dtype: torch.dtype) -> tuple[Path, Path]:
    """Square layers whose m is one-dimensional, so that every base weight has to be read."""
    draw = torch.Generator().manual_seed(0)
    width = torch.empty(0, dtype=dtype).element_size()
    weights, adapter = {}, {}
    for i in range(BYTES // (width * SIDE * SIDE)):
        weight = torch.randn(SIDE, SIDE, generator=draw) * (1 + 0.2 * torch.rand(SIDE, 1, generator=draw))
        layer = f"model.layers.{i}.self_attn.q_proj"
        weights[f"{layer}.weight"] = weight.to(dtype)
        name = f"base_model.model.{layer}"
        adapter[f"{name}.lora_magnitude_vector"] = weight.norm(dim=1) * (1 + 0.02 * torch.randn(SIDE, generator=draw))
        adapter[f"{name}.lora_A.weight"] = torch.randn(RANK, SIDE, generator=draw)
        adapter[f"{name}.lora_B.weight"] = torch.randn(SIDE, RANK, generator=draw)
    paths = folder / "adapter.safetensors", folder / "base.safetensors"
    save_file(adapter, paths[0])
    save_file(weights, paths[1])
    return paths


def judged(page: Page, paths: tuple[Path, Path], *, drag: bool) -> dict:
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    if drag:
        page.get_by_text("Change the weight").click()
        page.get_by_role("slider", name="Weight from input").element_handle().evaluate(FRAMES)
    start, peak = time.perf_counter(), 0
    page.get_by_label("Choose a .safetensors adapter").set_input_files([str(path) for path in paths])
    status = page.locator("#detective [role=status]")
    while not (said := status.inner_text()).startswith("adapter.safetensors: all ") or ".safetensors: all 3 " in said:
        metrics = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
        peak = max(peak, metrics["JSHeapUsedSize"])
        page.wait_for_timeout(50)
    return {"seconds": time.perf_counter() - start, "heap": peak, "said": said}


def row(browser, paths: tuple[Path, Path], name: str) -> Row:
    size = sum(path.stat().st_size for path in paths)
    with_drag = {}
    for drag in (False, True):
        page = open_figures(browser, FIGURE, explorer(64, 64).to_html(), folder=None)
        page.wait_for_selector("#detective[data-ready=true]")
        page.locator("#hero").scroll_into_view_if_needed()
        page.wait_for_selector("#hero[data-ready=true]")
        with_drag[drag] = judged(page, paths, drag=drag)
        if drag:
            times = sorted(page.evaluate("window.frames_"))
            read = page.evaluate("window.bytesRead")
        page.context.close()
    alone = with_drag[False]
    p95 = times[int(0.95 * len(times))]
    shown = f"{alone['seconds']:.1f} s, {read / 1e6:,.0f} MB read, JavaScript's own heap {alone['heap'] / 1e6:.0f} MB"
    frames = f"frames meanwhile: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, longest {times[-1]:.0f} ms"
    return f"{name}, {size / 1e9:.2f} GB", "–", f"{shown}; {frames}", "–", "–"


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        rows = [row(browser, pair(Path(folder), dtype), name) for name, dtype in DTYPES.items()]
        browser.close()
    print(table([HEAD, *rows]))
    keep("detective", rows)


if __name__ == "__main__":
    main()
