"""Put AxisDetective alone into _build/which-axis.html: one file that judges adapters from a disk or out of a letter, and can send nothing."""

import html
from pathlib import Path

import disk
import publish_notebooks  # noqa: F401  gives the extensions of the book their place

import live_host  # isort: skip
import stored_cells  # isort: skip


ROOT = Path(__file__).parents[1]
CHAPTER = ROOT / "book" / "7-which-axis.ipynb"
TITLE = "Which axis is this DoRA adapter?"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }}
@media (prefers-color-scheme: dark) {{ :root {{ background: #14181e; color: #e8eaed; }} }}
{style}
</style></head>
<body><main><h1>{title}</h1>
<p>Some tools keep one magnitude per output, others one per input, and a file does not say which. Choose the adapter, and the
model it was trained on if you have it.</p>
{figure}
<p>To merge the adapter on its axis, or to turn it into a plain LoRA, use the command <code>dora-axis</code>.</p></main>
<script>
{script}
</script></body></html>
"""


def make(folder: Path) -> Path:
    target = folder / "which-axis.html"
    script = live_host.script("axis-detective").replace("</", "<\\/")
    disk.replace(
        target,
        PAGE.format(
            title=html.escape(TITLE),
            policy=POLICY,
            style=live_host.style("axis-detective"),
            figure=stored_cells.figure(stored_cells.cells(CHAPTER), "detective"),
            script=script,
        ),
    )
    return target


def main() -> None:
    print(f"AxisDetective alone is in {disk.made(make, 'The page')}")


if __name__ == "__main__":
    main()
