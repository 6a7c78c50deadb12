"""JavaScript without a browser, for what the book has written in it alone: a figure's sentence, a formula's MathML.

QuickJS runs in the thread that calls it, so that a process which has used it ends. Nothing here imports torch.
"""

import json
from collections.abc import Callable

import quickjs

Error = quickjs.JSException

# What a browser has beside the language, as far as the figures' sentences ask for it.
BROWSER = """
globalThis.TextEncoder ??= class {
  encode(text) { return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0)); }
};
globalThis.TextDecoder ??= class { // fatal, as the figures want it: a URIError where bytes are no text
  decode(bytes) { return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")); }
};
globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));
"""
PLAIN = "(_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)"


def function(source: str, name: str) -> Callable[..., object]:
    """The function `name` of a script. It takes and gives what JSON can say, as text: quickjs cannot hand over every string."""
    context = quickjs.Context()
    context.eval(BROWSER + source)
    called = context.eval(f"(given) => JSON.stringify(({name})(...JSON.parse(given)) ?? null, {PLAIN})")
    return lambda *arguments: json.loads(called(json.dumps(arguments)))
