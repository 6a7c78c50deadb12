"""A question to answer before reading on: a few options, each with its own reply; or for a room that raises hands."""

from typing import Any

from traitlets import TraitType

from ..figure import LiveFigure
from ..traits import Choice, Number

MOST_OPTIONS = 5
MOST_HANDS = 999  # for one option


class Words(TraitType):
    """Text that a reader can read and a link cannot change."""

    def validate(self, obj: Any, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{self.name} is {value!r}, expected a sentence")
        return value

    def allowed(self) -> list[str]:
        return []  # no value of this trait may come from a link


class Place(Number):
    """A number the author gives and a link cannot change."""

    def allowed(self) -> list[str]:
        return []


class Options(TraitType):
    """Two to five [option, reply] pairs, no option twice."""

    def validate(self, obj: Any, value: Any) -> list[list[str]]:
        pairs = [list(pair) for pair in value]
        if not 2 <= len(pairs) <= MOST_OPTIONS:
            raise ValueError(f"{self.name} has {len(pairs)} entries, expected 2 to {MOST_OPTIONS}")
        if not all(len(pair) == 2 and all(isinstance(text, str) and text.strip() for text in pair) for pair in pairs):
            raise ValueError(f"{self.name} needs an option and a reply to it in every entry, both as text")
        if len({option for option, _ in pairs}) < len(pairs):
            raise ValueError(f"{self.name} offers one option twice")
        return pairs


class Hands(TraitType):
    """How many hands were raised for each option."""

    def validate(self, obj: Any, value: Any) -> list[int]:
        counts = list(value)
        if not all(isinstance(count, int) and 0 <= count <= MOST_HANDS for count in counts):
            raise ValueError(f"{self.name} is {counts!r}, expected whole numbers from 0 to {MOST_HANDS}")
        return [int(count) for count in counts]

    def allowed(self) -> dict[str, float | bool]:
        return {"least": 0, "most": MOST_HANDS, "whole": True}


class Predict(LiveFigure):
    """`Predict("How many?", {"128": "One for ...", "784": "That is ..."}, answer=str(m.numel()))`.

    `answer` is how the right option begins, and no other; the cell that computes the answer compares with
    `.answer`, so that a wrong one fails. `chosen` is the picked option's number, from 0, or -1 while the question is open.
    Text between backticks is set as code.

    For a room, `room` is "votes" while hands are counted, without a word about the answer, and "answer" once it is told.
    `hands` has a count for each option.
    """

    figure = "predict"
    question = Words("?").tag(sync=True, state=True)
    options = Options([["yes", "yes"], ["no", "no"]]).tag(sync=True, state=True)
    right = Place(0, least=0, most=4, whole=True).tag(sync=True, state=True)
    chosen = Number(-1, least=-1, most=4, whole=True).tag(sync=True, state=True)
    room = Choice("off", "votes", "answer").tag(sync=True, state=True)
    hands = Hands([0, 0]).tag(sync=True, state=True)

    def __init__(self, question: str, options: dict[str, str], *, answer: str, id: str = "", **traits: Any) -> None:
        plain = [option.replace("`", "") for option in options]
        fits = [i for i, option in enumerate(plain) if answer and option.startswith(answer.replace("`", ""))]
        if len(fits) != 1:
            raise ValueError(f"answer is {answer!r}, expected how one of the options begins: {'; '.join(plain)}")
        hands = list(traits.pop("hands", [0] * len(options)))
        if len(hands) != len(options):
            raise ValueError(f"hands has {len(hands)} counts, expected {len(options)}: one for each option")
        super().__init__(id=id, question=question, options=list(options.items()), right=fits[0], hands=hands, **traits)

    @property
    def answer(self) -> str:
        """The right option's text, for a cell that computes the answer and compares."""
        return self.options[self.right][0].replace("`", "")
