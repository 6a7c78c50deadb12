"""AxisDetective in the page: hostile files answered in one sentence, large ones read in pieces, names that cannot harm."""

import json
import math
import random
import re
from base64 import b64encode

import pytest
from dorabook.checkpoint import judge as judge_files
from dorabook.checkpoint.report import COLUMNS
from dorabook.live import AxisDetective
from playwright.sync_api import expect
from safetensors import deserialize
from support.both_readers import in_page
from support.broken_files import BAD, STRICTER, saved
from support.live_page import Core, modules, settle
from support.pages import unclean

EXAMPLES = ["output", "input", "square", "square with base"]


def figure(example: str = "output") -> AxisDetective:
    return AxisDetective(example=example, id="detective")


def example_files(example: str) -> dict[str, bytes]:
    """The files of an example, as the figure makes them, by name: the adapter, then its base where it has one."""
    made = Core("axis_detective/examples").evaluate(
        "(example) => modules['axis_detective/examples'].exampleSources(example).map(({ name, bytes }) => [name, bytes])",
        example,
    )
    return {name: bytes(content) for name, content in made}


@pytest.mark.parametrize("example", EXAMPLES)
def test_python_and_javascript_say_the_same_of_an_example(tmp_path, example):
    said = Core("axis_detective/axis_detective").evaluate(
        "(state) => { const d = modules['axis_detective/axis_detective'].describe(state); return [d.sentence, d.columns, d.rows]; }",
        figure(example).state(),
    )
    for name, content in example_files(example).items():
        (tmp_path / name).write_bytes(content)
    python = judge_files(*sorted(tmp_path.iterdir()))
    assert said == [python.sentence, list(COLUMNS), [list(row) for row in python.rows]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_file_that_safetensors_itself_reads(example):
    for content in example_files(example).values():
        read = read_file(content)
        assert read and all(tensor.isfinite().all() and tensor.shape.numel() for tensor in read.values())


@pytest.fixture
def judge():
    """judge(a=bytes, b=bytes): what the page's reader says of the files a.safetensors and b.safetensors."""

    def say(**files: bytes) -> dict:
        [said] = in_page([[(f"{name}.safetensors", data) for name, data in files.items()]])
        return {"error": said} if isinstance(said, str) else said

    return say


@pytest.mark.parametrize(("data", "says"), BAD.values(), ids=BAD)
def test_a_bad_file_is_answered_in_one_sentence(judge, data, says):
    assert judge(a=data) == {"error": f"a.safetensors {says}"}


@pytest.mark.parametrize("data", STRICTER.values(), ids=STRICTER)
def test_what_a_page_cannot_read_as_it_is_written_is_refused(judge, data):
    deserialize(data)  # the library takes it
    assert re.fullmatch(r"a\.safetensors cannot be read \(.+\): download or save it again", judge(a=data)["error"])


M = [3.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("tensors", "row"),
    [
        ({"m.dora_scale": ([1, 3], M)}, ("(1, 3)", "unknown", "per input", "certain")),
        ({"m.dora_scale": ([3, 1], M)}, ("(3, 1)", "unknown", "per output", "certain")),
        ({"m.dora_scale": ([3], M)}, ("(3,)", "unknown", "cannot tell", "none")),
        ({"m.dora_scale": ([3, 2], M + M)}, ("(3, 2)", "unknown", "cannot tell", "none")),
        ({"m.dora_scale": ([0], [])}, ("(0,)", "unknown", "cannot tell", "none")),
        ({"m.dora_scale": ([1, 3], [1, float("nan"), 1])}, ("(1, 3)", "unknown", "per input", "certain")),
        ({"m.dora_scale": ([1, 3], [1, float("inf"), 1])}, ("(1, 3)", "unknown", "per input", "certain")),
        (
            {"q.lora_magnitude_vector": ([3], M), "q.lora_A.weight": ([1, 2], M[:2]), "q.lora_B.weight": ([3, 1], M)},
            ("(3,)", "3 × 2", "per output", "certain"),
        ),
        (
            {"q.dora_scale": ([3], M), "q.lora_down.weight": ([1, 3], M), "q.lora_up.weight": ([2, 1], M[:2])},
            ("(3,)", "2 × 3", "per input", "certain"),
        ),
        (
            {"q.m": ([1, 3], M), "q.lora.A": ([3, 1], M), "q.lora.B": ([1, 2], M[:2])},
            ("(1, 3)", "2 × 3", "per input", "certain"),
        ),
    ],
)
def test_a_shape_tells_its_axis(judge, tensors, row):
    said = judge(a=saved(tensors))
    assert tuple(said["rows"][0][1:5]) == row


def test_a_square_layer_needs_its_base_and_then_values_decide():
    import torch

    page = Core("axis_detective/axis_detective")
    read = """([example]) => { const { layers } = modules['axis_detective/axis_detective'].describe({ example });
        return layers.map(({ axis, confidence, slopes }) => [axis, confidence, slopes && [slopes.output, slopes.outputError, slopes.input, slopes.inputError]]); }"""
    assert [one[:2] for one in page.evaluate(read, ["square"])] == [["cannot tell", "none"]] * 2
    told = page.evaluate(read, ["square with base"])
    assert [one[:2] for one in told] == [["per input", "high"]] * 2
    # the same fit by torch's least squares, from the same bytes
    adapter, base = map(read_file, example_files("square with base").values())
    for (_, _, slopes), (name, key) in zip(
        told, [("attn1_to_q", "attn1.to_q"), ("attn1_to_out_0", "attn1.to_out.0")], strict=True
    ):
        m, weight = adapter[f"lora_unet_{name}.dora_scale"], base[f"{key}.weight"]
        x, p, q = (drawn_in(values.log()) for values in (m, weight.norm(dim=1), weight.norm(dim=0)))
        design = torch.stack([torch.ones_like(p), p, q], dim=1)
        fit = torch.linalg.lstsq(design, x[:, None])
        spread = torch.linalg.inv(design.T @ design) * (x - (design @ fit.solution)[:, 0]).square().sum() / (len(x) - 3)
        expected = [fit.solution[1], spread[1, 1].sqrt(), fit.solution[2], spread[2, 2].sqrt()]
        assert slopes == pytest.approx([float(value) for value in expected], abs=1e-9)


def drawn_in(values):
    """Far values at most 4.5 median distances from the median, so that one huge channel decides nothing."""
    reach = 4.5 * (values - values.quantile(0.5)).abs().quantile(0.5)
    return values.clamp(values.quantile(0.5) - reach, values.quantile(0.5) + reach)


def read_file(data: bytes) -> dict:
    from safetensors.torch import load

    return {key: tensor.double() for key, tensor in load(data).items()}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_sums_of_squares_are_torch_s_in_every_dtype(browser, dtype):
    import torch
    from safetensors.torch import save

    weight = torch.randn(700, 403, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = weight.to(getattr(torch, dtype))  # 282,100 numbers: more than two pieces, which end inside a row
    page = modules(browser, "axis_detective/checkpoint/safetensors")
    sums = page.evaluate(
        """(text) => { const { readHeader, sumsOfSquares, atOnce } = modules['axis_detective/checkpoint/safetensors'];
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), source = { name: 'a', size: bytes.length, bytes };
        const { rows, columns } = atOnce(sumsOfSquares(source, atOnce(readHeader(source)).get('w'), 700, 403));
        return [[...rows], [...columns]]; }""",
        b64encode(save({"w": weight})).decode(),
    )
    squares = weight.double().square()
    assert sums[0] == pytest.approx(squares.sum(1).tolist(), rel=1e-12)
    assert sums[1] == pytest.approx(squares.sum(0).tolist(), rel=1e-12)


def test_a_base_of_five_gigabytes_is_read_only_where_the_layers_are(browser):
    """A file object that holds nothing, invents what it is asked for and counts it."""
    page = modules(browser, "axis_detective/checkpoint/judging", "axis_detective/dropped")
    asked = page.evaluate(
        """async () => {
        const file = (name, tensors) => {
          const header = {}; let end = 0;
          for (const [key, shape] of tensors) header[key] = { dtype: 'F32', shape, data_offsets: [end, (end += 4 * shape.reduce((a, b) => a * b, 1))] };
          const text = new TextEncoder().encode(JSON.stringify(header)), head = new Uint8Array(8 + text.length);
          new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true); head.set(text, 8);
          const counted = { name, size: head.length + end, read: 0, largest: 0 };
          counted.slice = (from, to) => ({ arrayBuffer: async () => {
            const bytes = new Uint8Array(to - from).fill(63);
            if (from < head.length) bytes.set(head.subarray(from, Math.min(to, head.length)));
            counted.read += to - from; counted.largest = Math.max(counted.largest, to - from);
            return bytes.buffer;
          } });
          return counted;
        };
        const adapter = file('a', [['q_proj.dora_scale', [1024]], ['q_proj.lora_down.weight', [1, 1024]], ['q_proj.lora_up.weight', [1024, 1]]]);
        const base = file('b', [['embed.weight', [640000, 1024]], ['q_proj.weight', [1024, 1024]], ['head.weight', [640000, 1024]]]);
        const { inTurns, sourceOf } = modules['axis_detective/dropped'];
        const said = await inTurns(modules['axis_detective/checkpoint/judging'].judge([adapter, base].map(sourceOf)), { cancelled: () => false, progress: () => {}, unreadable: String });
        return [base.size, base.read, base.largest, said.sentence];
        }"""
    )
    size, read, largest, sentence = asked
    assert size > 5e9 and 4 * 1024**2 <= read < 5 * 1024**2 and largest <= 4 * 1024**2
    assert sentence.startswith("a: the axis of its magnitude cannot be told")  # every norm alike: nothing to tell by


# The page


def choose(page, *files: tuple[str, bytes]) -> None:
    given = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    page.get_by_label(re.compile("Choose a .safetensors adapter|Add a file")).set_input_files(given)


def said(page, begins: str) -> str:
    node = page.locator("[role=status]").filter(has_text=re.compile(f"^{re.escape(begins)}"))
    node.wait_for()
    return node.inner_text()


@pytest.mark.parametrize("from_disk", [False, True])
def test_chosen_files_are_judged_together_and_nothing_leaves_the_page(show, from_disk):
    page = show(figure(), from_disk=from_disk)
    adapter, base = example_files("square with base").values()
    choose(page, ("mine.safetensors", adapter))
    assert said(page, "mine") == "mine.safetensors: the axis of all 2 magnitudes cannot be told."
    choose(page, ("theirs.safetensors", base))
    assert said(page, "mine.safetensors: all") == "mine.safetensors: all 2 magnitudes are per input."
    page.get_by_role("button", name="Remove theirs.safetensors").click()
    said(page, "mine.safetensors: the axis")
    page.get_by_role("radio", name="one per input").check(force=True)
    assert said(page, "adapter") == "adapter.safetensors: all 3 magnitudes are per input."
    assert page.get_by_role("list", name="Chosen files").count() == 0
    assert page.problems == []


def test_two_files_of_one_name_are_two_files(show):
    page = show(figure())
    adapter, base = example_files("square with base").values()
    choose(page, ("model.safetensors", adapter))
    said(page, "model.safetensors: the axis")
    choose(page, ("model.safetensors", base))
    assert said(page, "model.safetensors: all") == "model.safetensors: all 2 magnitudes are per input."
    assert page.locator(".dora-ad-files bdi").all_inner_texts() == ["model.safetensors", "model.safetensors (2)"]
    page.get_by_role("button", name="Remove model.safetensors (2)").click()
    said(page, "model.safetensors: the axis")


FOLDER = """(node) => {
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [{ webkitGetAsEntry: () => ({ isDirectory: true, name: "my adapter" }) }];
    event.dataTransfer = { types: ["Files"], items, files: [new File([""], "my adapter")] };
    node.dispatchEvent(event);
}"""


def test_a_folder_that_is_dropped_is_called_one(show):
    page = show(figure())
    page.locator(".dora-ad-drop").evaluate(FOLDER)
    assert said(page, "my adapter") == "my adapter is a folder: open it, and drop the files that are in it."


def test_a_name_cannot_harm_the_page(show):
    page = show(figure())
    hostile = ["<img src=x onerror=alert(1)>", "\u202egnorw", "x" * 9_900, "a\u0007b"]
    choose(page, ("evil.safetensors", saved({f"{name}.dora_scale": ([1, 2], [1, 2]) for name in hostile})))
    said(page, "evil")
    names = page.locator(".dora-ad-table tbody th bdi").all_inner_texts()
    assert names == [hostile[0], "?gnorw", "x" * 120 + "…", "a?b"]
    assert page.locator(".dora img").count() == 0
    assert page.problems == []


@pytest.mark.parametrize("width", [1280, 360])
def test_a_name_goes_on_in_the_next_line_between_its_words(show, width):
    page = show(figure(), width=width)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
    choose(page, ("long.safetensors", saved({f"{name}.dora_scale": ([1, 2], [1, 2])})))
    said(page, "long")
    lines = """(node) => {
        const range = document.createRange();
        return [...node.childNodes].filter((one) => one.data).map((one) => {
            range.selectNodeContents(one);
            return range.getClientRects().length;
        });
    }"""
    shown = page.locator(".dora-ad-table tbody th bdi")
    assert shown.text_content() == name
    assert set(shown.evaluate(lines)) == {1}


def test_ten_thousand_layers_are_counted_and_shown_a_few_at_a_time(show):
    page = show(figure())
    tensors = {f"layers.{i}.dora_scale": ([1, 2] if i % 4 else [2, 1], [1, 2]) for i in range(10_000)}
    choose(page, ("many.safetensors", saved(tensors)))
    assert said(page, "many") == "many.safetensors: 2,500 per output, 7,500 per input."
    rows = page.locator(".dora-ad-table tbody tr")
    assert rows.count() == 12
    page.get_by_role("button", name="Show 100 more").click()
    assert rows.count() == 112
    page.get_by_role("radio", name="per output 2,500").check(force=True)
    assert rows.count() == 12 and set(page.locator(".dora-ad-c3").all_inner_texts()) == {"per output"}


def test_a_bad_file_is_named_in_the_page_and_the_next_is_judged(show):
    page = show(figure())
    choose(page, ("bad.safetensors", b""))
    assert said(page, "bad") == "bad.safetensors is empty: download or save it again"
    assert page.locator(".dora-ad-table").is_hidden()
    page.get_by_role("button", name="Remove bad.safetensors").click()
    said(page, "adapter.safetensors: all 3")
    choose(page, ("good.safetensors", saved({"x.dora_scale": ([1, 2], [1, 2])})))
    assert said(page, "good") == "good.safetensors: its magnitude is per input."
    assert page.problems == []


def test_what_is_asked_for_next_follows_what_was_said(show):
    page = show(figure())
    asks = page.locator(".dora-ad-title")
    assert asks.inner_text() == "Choose a .safetensors adapter, and its base model if you have it"
    choose(page, ("good.safetensors", saved({"x.dora_scale": ([1, 2], [1, 2])})))
    said(page, "good")
    assert asks.inner_text() == "Add a file: the base model, or a shard of it"
    page.get_by_role("button", name="Remove good.safetensors").click()
    choose(page, ("bad.safetensors", b"no"))
    said(page, "bad")
    assert asks.inner_text() == "Choose a .safetensors adapter, and its base model if you have it"


# A square layer and one that is not, with magnitudes per input that moved by a few percent since they were norms.
SIDE = 240


def model(scale: float = 1.0, seed: int = 3) -> tuple[bytes, dict[str, tuple[list[int], list[float]]]]:
    """An adapter with flat magnitudes, `scale` times what they were trained to, and its base's tensors."""
    draw = random.Random(seed)
    base, adapter = {}, {}
    for name, rows in (("q", SIDE), ("k", 6)):
        tall = [draw.uniform(0.5, 2) for _ in range(rows)]
        wide = [draw.uniform(0.5, 2) for _ in range(SIDE)]
        weight = [[draw.uniform(-1, 1) * down * across for across in wide] for down in tall]
        norms = [math.hypot(*column) for column in zip(*weight, strict=True)]
        adapter[f"{name}.dora_scale"] = ([SIDE], [scale * norm * draw.uniform(0.97, 1.03) for norm in norms])
        adapter[f"{name}.lora_down.weight"] = ([1, SIDE], wide)
        adapter[f"{name}.lora_up.weight"] = ([rows, 1], tall)
        base[f"model.{name}.weight"] = ([rows, SIDE], [value for row in weight for value in row])
    return saved(adapter), base


def test_a_sharded_base_is_read_through_its_index(show):
    page = show(figure())
    adapter, base = model()
    shards = {f"model-{i}.safetensors": {key: base[key]} for i, key in enumerate(base)}
    index = json.dumps({"weight_map": {key: name for name, tensors in shards.items() for key in tensors}}).encode()
    first, second = [(name, saved(tensors)) for name, tensors in shards.items()]
    choose(page, ("model.safetensors.index.json", index), second, ("mine.safetensors", adapter))
    named = "model.safetensors.index.json names the file model-0.safetensors, which is not there: "
    assert said(page, "model") == f"{named}download it too, next to the index"
    choose(page, first)
    assert said(page, "mine") == "mine.safetensors: all 2 magnitudes are per input."
    assert page.locator(".dora-ad-c4").all_inner_texts() == ["high", "certain"]
    choose(page, ("model.safetensors.index.json", index.replace(b"model.k", b"model.v")))
    has_not = "model.safetensors.index.json says that model-1.safetensors has model.v.weight, which it has not: "
    assert said(page, "model") == f"{has_not}download both again"
    choose(page, ("model.safetensors.index.json", b"{}"))
    assert said(page, "model.safetensors.index.json has no weight_map")
    assert page.problems == []


def test_shards_without_an_index_are_one_base(judge):
    adapter, base = model()
    (first, one), (second, other) = base.items()
    told = judge(b=saved({second: other}), a=adapter, c=saved({first: one}))
    assert [row[3:5] for row in told["rows"]] == [["per input", "high"], ["per input", "certain"]]


def test_which_file_is_which_is_told_by_what_they_hold(judge):
    adapter, base = model()
    two = judge(a=adapter, b=saved(base), c=adapter)
    assert two == {"error": "a.safetensors and c.safetensors both hold magnitudes: judge one adapter at a time"}
    lora = saved({"q.lora_A.weight": ([1, 2], [1, 2])})
    none = judge(b=saved(base), a=lora)  # the smaller of two without magnitudes was meant as the adapter
    assert none["error"].startswith("a.safetensors has LoRA's A and B, but no DoRA magnitudes ")


def test_an_index_alone_asks_for_its_files(show):
    page = show(figure())
    index = b'{"weight_map": {"x.weight": "x.safetensors"}}'
    choose(page, ("m.safetensors.index.json", index), ("n.safetensors.index.json", index))
    assert said(page, "m.") == "m.safetensors.index.json is an index: choose the adapter and the files it names too"
    page.get_by_role("button", name="Remove n.safetensors.index.json").click()
    assert said(page, "m.safetensors.index.json is a text").endswith(": give the file with the tensors")


def wrong_base(far: int, name: str = "a") -> str:
    """The headline where m is far from the base's norms, in `far` of two layers."""
    return f"In {far} of 2 layers of {name}.safetensors m is farther from the base's norms than a training usually takes it: another base model, or m was rescaled."


def test_one_layer_of_a_wrong_base_is_the_headline_and_looks_like_one(show):
    """Both magnitudes keep their shape, (out, 1), so that all are told; one is 42 % off, the other near."""
    adapter = saved(
        {f"{name}.dora_scale": ([2, 1], [factor * 3.0, factor * 4.0]) for name, factor in (("q", 1.0), ("k", 1.6))}
    )
    weights = {f"{name}.weight": ([2, 2], [3.0, 0.0, 0.0, 4.0]) for name in "qk"}
    page = show(figure())
    choose(page, ("mine.safetensors", adapter), ("base.safetensors", saved(weights)))
    assert said(page, "In 1") == f"{wrong_base(1, 'mine')} mine.safetensors: all 2 magnitudes are per output."
    assert page.locator(".dora-ad").get_attribute("data-bad") == "true"


def test_a_second_adapter_takes_the_first_ones_place(show):
    page = show(figure())
    mine, base = example_files("square with base").values()
    other = saved({f"layers.{i}.dora_scale": ([2, 1], [1, 2]) for i in range(3)})
    chosen = page.get_by_role("list", name="Chosen files").get_by_role("listitem")
    choose(page, ("mine.safetensors", mine), ("base.safetensors", base))
    said(page, "mine.safetensors: all 2")
    choose(page, ("other.safetensors", saved({"x.dora_scale": ([1, 2], [1, 2])})))
    said(
        page, "No layer of other.safetensors has its name in base.safetensors"
    )  # the base stays, and is another model's
    assert [text.split()[0] for text in chosen.all_inner_texts()] == ["base.safetensors", "other.safetensors"]
    page.get_by_role("button", name="Remove base.safetensors").click()
    said(page, "other.safetensors: its magnitude is per input.")
    choose(page, ("third.safetensors", other))
    assert said(page, "third") == "third.safetensors: all 3 magnitudes are per output."
    assert chosen.count() == 1
    choose(page, ("one.safetensors", other), ("two.safetensors", other))  # at once: which is meant?
    said(page, "one.safetensors and two.safetensors both hold magnitudes: judge one adapter at a time")
    assert page.problems == []


def test_a_base_of_another_model_leaves_what_shapes_tell_or_is_far(judge):
    adapter, base = model()
    by_shape = "Until then shapes alone speak. a.safetensors: all 2 magnitudes are per input."
    none = judge(a=adapter, b=saved({"x.weight": ([2, 2], [1.0] * 4)}))["sentence"]
    assert none.startswith("No layer of a.safetensors has its name in b.safetensors: ") and none.endswith(by_shape)
    wide = {"model.q.weight": ([SIDE, 5], [1.0] * 5 * SIDE)}
    misfit = judge(a=adapter, b=saved(wide))["sentence"]
    assert misfit.startswith("No weight of b.safetensors fits its layer of a.safetensors, first q: ")
    assert misfit.endswith(by_shape)
    one = judge(a=adapter, b=saved({**wide, "model.k.weight": base["model.k.weight"]}))
    assert f" The base's weight of this name is ({SIDE}, 5), which does not fit: " in one["rows"][0][5]
    far = judge(a=adapter, b=saved(model(seed=4)[1]))
    assert ": m follows neither, so this may be another base model." in far["rows"][0][5]
    assert far["sentence"] == f"{wrong_base(2)} a.safetensors: 1 per input, 1 cannot tell."


def test_a_magnitude_far_from_the_norms_is_said_to_be(judge):
    for scale, distance in ((1.0, None), (3.0, "200"), (1e7, None)):
        adapter, base = model(scale)
        told = judge(a=adapter, b=saved(base))
        assert [row[3] for row in told["rows"]] == ["per input"] * 2  # slopes do not see a common factor
        evidence = told["rows"][1][5]
        assert ("farther than a training usually takes it" in evidence) == (scale != 1)
        found = re.search(r"It is (.*) % from", evidence)[1]
        if distance:
            assert float(found) == pytest.approx(float(distance), abs=5)
    assert found == "more than 100,000" and told["numbers"][1][0] == 1000
    assert told["sentence"].startswith(wrong_base(2))


def test_norms_that_are_zero_are_counted_on_the_told_axis(judge):
    adapter, base = model()
    shape, values = base["model.k.weight"]
    for places, sentence in (
        ({2}, " 1 norm of the base is 0: DoRA divides by it."),
        ({2, 7}, " 2 norms of the base are 0: DoRA divides by them."),
    ):
        gone = [0.0 if i % SIDE in places else value for i, value in enumerate(values)]
        told = judge(a=adapter, b=saved({**base, "model.k.weight": (shape, gone)}))
        assert told["rows"][1][5].endswith(sentence)
    rows = [0.0 if i < SIDE else value for i, value in enumerate(values)]  # one output of the other axis
    assert "norm of the base" not in judge(a=adapter, b=saved({**base, "model.k.weight": (shape, rows)}))["rows"][1][5]


def test_a_grouped_convolution_has_as_many_inputs_as_a_group(judge):
    """By its A it has 8 inputs and 8 outputs; its weight (8, 4, 1) has norms of 4 inputs, so 8 numbers can be of outputs only."""
    adapter = {
        "c.dora_scale": ([8], [1.0] * 8),
        "c.lora_down.weight": ([1, 8, 1], [1.0] * 8),
        "c.lora_up.weight": ([8, 1, 1], [1.0] * 8),
    }
    told = judge(a=saved(adapter), b=saved({"c.weight": ([8, 4, 1], [1.0] * 32)}))
    assert told["rows"][0][2:5] == ["8 × 4", "per output", "certain"]


DROP = """async ([selector, type, files]) => {
  const carried = new DataTransfer();
  for (const [name, packed] of files) carried.items.add(new File([Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))], name));
  if (!files.length) carried.setData('text/plain', 'words');
  const event = new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_dropped_files_are_judged_and_the_page_stays(show):
    page = show(figure())
    adapter, base = model()
    files = [["mine.safetensors", b64encode(adapter).decode()], ["base.safetensors", b64encode(saved(base)).decode()]]
    over = page.locator(".dora-ad-drop.dora-ad-over")
    page.evaluate(DROP, [".dora-ad-table", "dragenter", files])  # on the table: anywhere in the figure will do
    page.evaluate(DROP, [".dora-ad-drop", "dragenter", files])
    page.evaluate(DROP, [".dora-ad-table", "dragleave", files])
    assert over.count() == 1
    assert page.evaluate(DROP, [".dora-ad-drop", "dragover", files])
    assert page.evaluate(
        DROP, [".dora-ad-drop", "drop", files]
    )  # else the browser opens the file, and the page is gone
    assert over.count() == 0
    assert said(page, "mine") == "mine.safetensors: all 2 magnitudes are per input."
    assert page.get_by_role("list", name="Chosen files").get_by_role("listitem").count() == 2
    for type in ("dragenter", "dragover", "drop"):
        assert not page.evaluate(DROP, [".dora-ad-drop", type, []])  # words are none of ours
    assert over.count() == 0
    page.evaluate(DROP, [".dora-ad-drop", "dragenter", files])
    page.evaluate(DROP, [".dora-ad-drop", "dragleave", files])
    assert over.count() == 0
    assert page.problems == []


def test_the_figure_is_used_by_keyboard_alone(show, tmp_path):
    page = show(figure(), permissions=[])  # in a window of its own, since it listens
    page.on("filechooser", lambda chooser: None)  # so that choosers are caught from here on
    path = tmp_path / "mine.safetensors"
    tensors = {f"layers.{i}.dora_scale": ([1, 2] if i % 4 else [2, 1], [1, 2]) for i in range(40)}
    path.write_bytes(saved(tensors))
    focus = "document.activeElement.closest('.dora-ad') && (document.activeElement.type ?? '')"
    while page.evaluate(focus) != "file":
        page.keyboard.press("Tab")
    ring = page.locator(".dora-ad-drop")
    assert ring.evaluate("(node) => getComputedStyle(node).outlineStyle") == "solid"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(path)
    assert said(page, "mine") == "mine.safetensors: 10 per output, 30 per input."
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove mine.safetensors"
    page.keyboard.press("Tab")  # to the examples, none of which is chosen: the first
    assert page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.locator(".dora-ad-table tbody tr").nth(9).wait_for()
    assert page.locator(".dora-ad-table tbody tr").count() == 10
    assert set(page.locator(".dora-ad-c3").all_inner_texts()) == {"per output"}
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Show 18 more"
    page.keyboard.press("Enter")
    assert page.locator(".dora-ad-table tbody tr").count() == 30
    page.get_by_role("button", name="Remove mine.safetensors").press("Enter")
    assert said(page, "adapter") == "adapter.safetensors: all 3 magnitudes are per output."
    assert page.evaluate("document.activeElement.type") == "file"  # and not lost with the button
    assert page.problems == []


def test_in_forced_colours_edges_and_focus_are_drawn(show):
    page = show(figure("square"), forced_colors="active")
    style = "(node, [name, pseudo]) => getComputedStyle(node)[name]"
    drop, sentence, remedy = (page.locator(name) for name in (".dora-ad-drop", ".dora-sentence", ".dora-ad-remedy"))
    text = page.locator("body").evaluate(style, ["color", None])
    assert sentence.evaluate(style, ["borderLeftColor", None]) == text
    assert drop.evaluate(style, ["borderTopStyle", None]) == "dashed"
    assert remedy.evaluate(style, ["borderTopStyle", None]) == "solid"  # its ground is gone
    page.get_by_label(re.compile("Choose")).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert drop.evaluate(style, ["outlineStyle", None]) == "solid"
    choose(page, ("bad.safetensors", b""))
    said(page, "bad")
    assert sentence.evaluate(style, ["borderTopStyle", None]) == "solid"  # a frame, since red is gone


def test_a_file_that_changes_on_disk_is_named(show, tmp_path):
    page = show(figure())
    path = tmp_path / "a.safetensors"
    path.write_bytes(saved({"x.dora_scale": ([1, 2], [1, 2])}))
    page.evaluate(
        "window.slice = Blob.prototype.slice; Blob.prototype.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) })"
    )
    page.get_by_label(re.compile("Choose")).set_input_files(path)
    assert said(page, "a.safetensors cannot") == (
        "a.safetensors cannot be read to its end: it was changed, moved or locked since you chose it. Choose it again."
    )


def test_reading_can_be_cancelled_by_keyboard(show):
    page = show(figure())
    page.evaluate("Blob.prototype.slice = () => ({ arrayBuffer: () => new Promise(() => {}) })")
    choose(page, ("slow.safetensors", saved({"x.dora_scale": ([1, 2], [1, 2])})))
    assert said(page, "Reading") == "Reading slow.safetensors."
    assert page.get_by_role("progressbar", name="Read so far").is_visible()
    page.get_by_role("button", name="Cancel").press("Enter")
    assert said(page, "Cancelled") == "Cancelled: nothing was judged."
    assert page.get_by_role("progressbar").count() == 0
    assert page.evaluate("document.activeElement.type") == "file"


def test_axe_finds_nothing_and_nothing_scrolls_sideways(show):
    """In a narrow window; the walk of test_accessibility.py has each example in a wide one."""
    page = show(figure(EXAMPLES[0]), width=320)
    for example in EXAMPLES:
        page.evaluate("(hash) => { location.hash = hash; }", f"#detective=example:{example}")
        expect(page.get_by_role("status")).to_have_text(figure(example).sentence)
        clean(page)
    choose(page, ("a" * 200 + ".safetensors", b""))
    said(page, "aaa")
    clean(page)


def clean(page) -> None:
    settle(page)
    assert unclean(page) == []
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
