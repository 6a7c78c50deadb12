"""JavaScript inside the book's build. QuickJS runs in the thread that calls it, so that a process which has used it ends."""

import json
from collections.abc import Callable

import quickjs

Error = quickjs.JSException


def function(source: str, name: str) -> Callable[..., object]:
    """The function `name` of a script. It takes and gives what JSON can say, as text: quickjs cannot hand over every string."""
    context = quickjs.Context()
    context.eval(source)
    called = context.eval(f"given => JSON.stringify({name}(...JSON.parse(given)))")
    return lambda *arguments: json.loads(called(json.dumps(arguments)))
