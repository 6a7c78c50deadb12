"""AxisDetective's own reading of files, in a bare page."""

from base64 import b64encode
from collections.abc import Callable

from playwright.sync_api import Page

MODULES = ("axis_detective/checkpoint/judging", "axis_detective/checkpoint/safetensors")
JUDGE = """(groups) => groups.map((files) => {
  const { judge } = modules['axis_detective/checkpoint/judging'], { atOnce } = modules['axis_detective/checkpoint/safetensors'];
  const source = ([name, text]) => { const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); return { name, size: bytes.length, bytes }; };
  try {
    const { sentence, columns, rows, remedy, layers } = atOnce(judge(files.map(source)));
    const numbers = layers.map(({ slopes, distance }) => [distance, slopes && [slopes.output, slopes.outputError, slopes.input, slopes.inputError, slopes.z]]);
    return { sentence, columns, rows, remedy, numbers, far: layers.map(({ far }) => far) };
  } catch (error) {
    return error.message;
  }
})"""


def reader(page: Page) -> Callable[[list[list[tuple[str, bytes]]]], list[dict | str]]:
    """What a page with MODULES says of each group of files, by name and content."""
    return lambda groups: page.evaluate(
        JUDGE, [[[name, b64encode(data).decode()] for name, data in files] for files in groups]
    )
