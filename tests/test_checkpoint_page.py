"""The page's AxisDetective and dorabook.checkpoint on the same files: the same sentences, rows, numbers and remedies."""

import json
import re
import struct
from pathlib import Path

import dorabook.checkpoint
import pytest
import torch
from dorabook.checkpoint.rules import RULES
from safetensors.torch import load_file, save_file
from support import hostile_headers
from support.adapters import drawn
from support.both_readers import CHECKPOINT as PAGE
from support.both_readers import assert_same, check_broken, check_odd, check_valid, in_page, in_python
from support.fuzz_headers import mutants
from support.live_page import modules
from support.odd_files import WAYS, odd_sets
from support.random_adapters import FAMILIES, adapters

CHECKPOINT = Path(dorabook.checkpoint.__file__).parent
FIXTURES = Path(__file__).parent / "fixtures"
LYCORIS = ["lora_wd_on_output_true", "lora_wd_on_output_false", "loha_wd_on_output_true", "lokr_wd_on_output_false"]


def test_valid_adapters_drawn_at_random_get_one_report_and_a_true_one():
    assert set(check_valid(list(adapters(seed=0, count=64)))) == {family["name"] for family in FAMILIES}


def test_odd_valid_files_get_one_report_or_one_sentence():
    drawn = list(odd_sets(seed=0, count=24))
    assert all(any(way in made.what for made in drawn) for way in WAYS)
    assert check_odd(drawn)["judged"] > 12


def test_norms_that_only_rounding_tells_apart_are_alike(tmp_path):
    """On a weight whose norms per output differ in the twelfth digit a slope would be noise, another in each language."""
    weight = torch.ones(16, 16, dtype=torch.float64) * (1 + 0.4 * drawn(1, 16, seed=1).double())
    weight = weight * (1 + 1e-12 * drawn(16, 1, seed=2).double())
    files = {"a": {"x.dora_scale": drawn(16, seed=3).abs().double() + 1, "x.lora_A.weight": torch.ones(2, 16), "x.lora_B.weight": torch.ones(16, 2)},
        "b": {"x.weight": weight}}  # fmt: skip
    for name, tensors in files.items():
        save_file(tensors, tmp_path / name)
    python = in_python(tmp_path / "a", tmp_path / "b")
    [page] = in_page([[(name, (tmp_path / name).read_bytes()) for name in files]])
    assert_same(page, python, "norms alike")
    assert "alike: nothing to tell them apart by" in python["rows"][0][5]


@pytest.mark.parametrize("letters", [960, 985])
def test_a_names_letters_are_counted_alike(tmp_path, letters):
    """A name may have a thousand letters, and one outside the first plane is two of a page's units."""
    name = "\U0001f600" * 20 + "x" * (letters - 20)
    m = {f"{name}.dora_scale": torch.ones(1, 3)}
    save_file(m, tmp_path / "a")
    save_file({f"{name}.weight": torch.ones(4, 3)}, tmp_path / "b")
    python = in_python(tmp_path / "a", tmp_path / "b")
    [page] = in_page([[(one, (tmp_path / one).read_bytes()) for one in "ab"]])
    assert_same(page, python, f"{letters} letters")
    assert ("4 × 3" in python["rows"][0]) is True


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
HOSTILE = {
    "names": {f"a_{n}.b.weight": EMPTY for n in range(3000)},
    "names that may be magnitudes": {f"a{n}.m": EMPTY for n in range(3000)},
    "magnitudes": {f"a{n}.dora_scale": EMPTY for n in range(3000)},
    "metadata": {"__metadata__": {f"k{n}": "v" * 40 for n in range(12_000)}},
}
COUNTED = """(letters) => {
  const { judge } = modules["axis_detective/checkpoint/judging"], bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const source = { name: "h", size: bytes.length, bytes }, program = judge([source]);
  let looks = 0, most = 0, given, pauses = 0;
  const prototypes = [Map.prototype, Object.getPrototypeOf(new Set().values()), Object.getPrototypeOf([].values())], undo = [];
  for (const [at, name] of [[0, "get"], [0, "has"], [1, "next"], [2, "next"]]) {
    const held = prototypes[at], was = held[name];
    held[name] = function (...all) { looks += 1; return was.apply(this, all); };
    undo.push(() => { held[name] = was; });
  }
  const ended = (said) => { undo.forEach((one) => one()); return [pauses, said, most]; };
  try {
    for (;;) {
      looks = 0;
      const { done, value } = program.next(given);
      most = Math.max(most, looks);
      if (done) return ended(value.sentence);
      pauses += value === null;
      given = value && bytes.subarray(value.start, value.end);
    }
  } catch (error) {
    return ended(error.message);
  }
}"""


@pytest.fixture(scope="module")
def counted(browser):
    """counted(bytes): how often the page's reader pauses, what it says, and the most it looks into lists and maps without a pause."""
    page = modules(browser, f"{PAGE}/judging")
    yield lambda data: page.evaluate(COUNTED, data.decode("latin-1"))
    page.close()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_page_pauses_while_it_reads_a_hostile_header(kind, counted):
    """Where it may draw, and be cancelled: after each few hundred names, and each piece of the text."""
    header = json.dumps(HOSTILE[kind]).encode()
    pauses, said, _ = counted(struct.pack("<Q", len(header)) + header)
    assert pauses >= (30 if kind != "metadata" else 4)
    assert said.startswith("h: the axis of all 3,000" if kind == "magnitudes" else "h has no DoRA magnitudes")


MOST_LOOKS = 250_000  # some tens of milliseconds; a layer that reads all of its names makes 450,000 and more


@pytest.mark.parametrize(
    "kind", ["factors of one layer", "names that differ in dots", "names that differ in words before"]
)
def test_a_page_pauses_however_much_one_layer_has(kind, counted, tmp_path):
    """Bench rows have these and more at 30 MB. Python says the same."""
    raw = hostile_headers.header(kind, 600_000)
    (tmp_path / "h").write_bytes(struct.pack("<Q", len(raw)) + raw)
    _, said, most = counted((tmp_path / "h").read_bytes())
    assert most < MOST_LOOKS
    assert said == in_python(tmp_path / "h")["sentence"]


@pytest.mark.parametrize(
    "text",
    ['{"a":' + "[" * 200_000 + "]" * 200_000 + "}", '{"' + "a." * 600_000 + '":{}}', '{"a":{"dtype":"F32","shape":[' + "0," * 600_000 + "0]}}"],
    ids=["deep", "a long name", "a long list"],
)  # fmt: skip
def test_what_no_header_has_is_refused_before_it_is_read(text, counted):
    _, said, _ = counted(struct.pack("<Q", len(text)) + text.encode())
    assert said == "h cannot be read (its header is not what safetensors writes): download or save it again"


def test_a_long_header_is_read_in_pieces_as_a_short_one(tmp_path, counted):
    """With metadata in the midst that is cut too, and a name on each side of a cut."""
    header = {f"a{n}.dora_scale": EMPTY for n in range(40)} | {"x": EMPTY}
    header |= {"__metadata__": {f"k{n},": '"}{' for n in range(40_000)}} | {
        f"b{n}.dora_scale": EMPTY for n in range(40)
    }
    text = json.dumps(header).encode()
    (tmp_path / "h").write_bytes(struct.pack("<Q", len(text)) + text)
    pauses, said, _ = counted((tmp_path / "h").read_bytes())
    assert len(text) > 2 * (1 << 18) and pauses > 80
    assert said == in_python(tmp_path / "h")["sentence"]


@pytest.mark.parametrize("seed", range(4))
def test_broken_headers_get_the_same_sentence(seed):
    check_broken(list(mutants(seed, 150)))


def test_every_sentence_is_said_by_both_and_written_in_neither():
    folders = {"py": CHECKPOINT, "js": CHECKPOINT.parent / "live/axis_detective/checkpoint"}
    for ending, folder in folders.items():
        code = "".join(path.read_text("utf-8") for path in folder.glob(f"*.{ending}"))
        for name, sentence in RULES["sentences"].items():
            words = f"{name.removesuffix(' untold')}|{name.removeprefix('base ')}"  # and a base is "fused", for one
            known = name in RULES["files"]["kinds"] or re.search(rf"""["'](?:{words})["']""", code)
            assert known and (" " not in sentence or sentence not in code), f"{ending}: {name}"


def pairs() -> dict[str, tuple[str, str | None]]:
    found = {name: (f"lycoris_{name}", "picture_base") for name in LYCORIS}
    found |= {f"{name} alone": (f"lycoris_{name}", None) for name in LYCORIS}
    return found | {
        "torchtune": ("torchtune", "torchtune_base"),
        "torchtune alone": ("torchtune", None),
        "another base": ("torchtune", "picture_base"),
        "a base alone": ("torchtune_base", None),
    }


@pytest.mark.parametrize(("adapter", "base"), pairs().values(), ids=pairs())
def test_trained_adapters_get_the_same_verdicts(adapter, base):
    paths = [FIXTURES / f"{name}.safetensors" for name in (adapter, base) if name]
    [said] = in_page([[(path.name, path.read_bytes()) for path in paths]])
    assert_same(said, in_python(*paths), adapter)


def squares(seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Square layers of several sizes and dtypes with magnitudes of either axis, near, far, flat, kept and broken."""
    adapter, base = {}, {}
    for place, size in enumerate((5, 12, 40, 96)):
        weight = drawn(size, size, seed=seed + place) * drawn(size, 1, seed=seed + 50 + place).mul(0.3).exp()
        dtype = (torch.float32, torch.bfloat16, torch.float16, torch.float64)[(seed + place) % 4]
        name, drift = f"layers.{place}.q_proj", (0.01, 0.1, 0.5, 2.0)[(seed // 4 + place) % 4]
        base[f"model.{name}.weight"] = weight.to(dtype)
        magnitude = weight.norm(dim=(seed + place) % 2) * (1 + drift * drawn(size, seed=seed + 90))
        shape = ((size,), (size, 1), (1, size))[(seed + place) % 3]
        adapter[f"base_model.model.model.{name}.lora_magnitude_vector"] = magnitude.reshape(shape)
        adapter[f"base_model.model.model.{name}.lora_A.weight"] = drawn(2, size, seed=1)
        adapter[f"base_model.model.model.{name}.lora_B.weight"] = drawn(size, 2, seed=2)
    base["model.layers.1.q_proj.weight"][seed % 12] = 0
    if seed % 2:  # GPT-2's names, stored (in, out) or, with no other that tells, unknown
        adapter = {key.replace("3.q_proj", "3.c_proj"): value for key, value in adapter.items()}
        base = {key.replace("3.q_proj", "3.c_proj"): value for key, value in base.items()}
    if seed % 4 == 1:
        base |= {"model.c_fc.weight": drawn(3, 9, seed=3), "model.c_fc.bias": drawn(9, seed=4)}
    if seed % 4 == 3 and seed > 3:  # stored (out, in), under GPT-2's names too
        base |= {"model.c_fc.weight": drawn(9, 3, seed=3), "model.c_fc.bias": drawn(9, seed=4)}
    return adapter, base


@pytest.mark.parametrize("seed", range(12))
def test_square_layers_get_the_same_verdicts_and_numbers(tmp_path, seed):
    adapter, base = squares(seed)
    paths = [tmp_path / "adapter.safetensors", tmp_path / "base.safetensors"]
    for path, tensors in zip(paths, (adapter, base), strict=True):
        save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    groups = [[(path.name, path.read_bytes()) for path in paths[:count]] for count in (1, 2)]
    for said, given in zip(in_page(groups), (paths[:1], paths), strict=True):
        assert_same(said, in_python(*given), f"seed {seed}")


def test_the_fixtures_are_small_and_trained():
    for path in FIXTURES.glob("*.safetensors"):
        assert path.stat().st_size < 50_000, path.name
    base = load_file(FIXTURES / "picture_base.safetensors")["square.weight"]
    magnitude = load_file(FIXTURES / "lycoris_lora_wd_on_output_true.safetensors")["lycoris_square.dora_scale"]
    assert (magnitude[:, 0] - base.norm(dim=1)).abs().min() > 1e-4


def test_a_model_of_every_kind_of_layer_gets_the_same_verdicts(tmp_path):
    adapter = {
        "embed.lora_magnitude_vector": drawn(8, seed=1).abs(),
        "embed.lora_embedding_A": drawn(2, 20, seed=2),
        "embed.lora_embedding_B": drawn(8, 2, seed=3),
        "mix.lora_magnitude_vector": drawn(1, 12, 1, 1, seed=4).abs(),
        "mix.lora_A.weight": drawn(2, 12, 3, 3, seed=5),
        "mix.lora_B.weight": drawn(12, 2, 1, 1, seed=6),
        "tok_emb.m": drawn(20, seed=7),
        "tok_emb.lora_a": drawn(20, 2, seed=8),
        "tok_emb.lora_b": drawn(2, 8, seed=9),
        "old.m": drawn(1, 5, seed=10),
        "old.lora.A": drawn(3, 2, seed=11),
        "old.lora.B": drawn(2, 5, seed=12),
        "own.magnitude": drawn(6, 1, seed=13),
        "own.base.weight": drawn(6, 4, seed=14),
        "k.dora_scale": drawn(1, 12, seed=15),
        "k.lokr_w1": drawn(3, 4, seed=16),
        "k.lokr_w2_a": drawn(5, 2, seed=17),
        "k.lokr_w2_b": drawn(2, 3, seed=18),
        "d.dora_scale": drawn(4, 1, 1, seed=19),
        "d.hada_w1_a": drawn(4, 2, seed=20),
        "d.hada_w1_b": drawn(2, 30, seed=21),
        "s.lora_magnitude_vector.default": drawn(9, seed=22).abs(),
        "s.lora_A.default.weight": drawn(2, 9, seed=23),
        "s.lora_B.default.weight": drawn(9, 2, seed=24),
    }
    base = {
        "embed.weight": drawn(20, 8, seed=30),
        "x.mix.weight": drawn(12, 12, 3, 3, seed=31),
        "s.weight": drawn(9, 9, seed=32),
    }
    base |= {
        "tok_emb.weight": drawn(20, 8, seed=33),
        "old.weight": drawn(9, 9, seed=34),
        "d.weight": drawn(4, 10, 3, seed=35),
    }
    paths = [tmp_path / "adapter.safetensors", tmp_path / "base.safetensors"]
    for path, tensors in zip(paths, (adapter, base), strict=True):
        save_file(tensors, path)
    groups = [[(path.name, path.read_bytes()) for path in paths[:count]] for count in (1, 2)]
    for said, given in zip(in_page(groups), (paths[:1], paths), strict=True):
        assert_same(said, in_python(*given), str(given))
        assert len(said["rows"]) == 8
