"""The formulas against torch's own FLOP counter on real modules, and against the tensors that are really made."""

import math
import re

import pytest
import torch
from bench.memory import Peak
from dorabook import cost, factored
from dorabook.cost import forward, forward_elementwise, gradient_products, norm_elementwise, norm_memory, norm_products
from dorabook.count import LayerShape, trainable
from dorabook.factored import adapted_norms, squared_norms
from dorabook.layers import DoRALinear, LoRALinear
from peft.tuners.lora.dora import DoraLinearLayer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

AXES = ("output", "input")
both_axes = pytest.mark.parametrize("per", AXES)
shapes = pytest.mark.parametrize(
    "shape",
    [LayerShape("wide", 11, 5), LayerShape("tall", 7, 19), LayerShape("k_proj", 576, 192)],
    ids=lambda s: s.name,
)
ranks = pytest.mark.parametrize("rank", [1, 3, 8, 24])


def counted(run):
    """Multiply-adds of the matrix products in run(), by torch's counter, which has two operations for each."""
    with FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


def total(work):
    return sum(work.values())


def base(shape):
    return nn.Linear(shape.in_features, shape.out_features, device="meta")


def x(shape, rows, **options):
    return torch.empty(rows, shape.in_features, device="meta", **options)


def lora(shape, rank):
    return LoRALinear(base(shape), rank=rank, alpha=1, generator=torch.Generator())


def dora(shape, rank, per):
    """A layer of the book on the meta device; made on the CPU, since a weight without numbers has no norms to start from."""
    linear = nn.Linear(shape.in_features, shape.out_features)
    return DoRALinear(linear, per=per, rank=rank, alpha=1, generator=torch.Generator()).to("meta")


def factors(shape, rank, device="meta", **options):
    """W, A, B."""
    sizes = (shape.out_features, shape.in_features), (rank, shape.in_features), (shape.out_features, rank)
    return [torch.ones(size, device=device, **options) for size in sizes]


@shapes
def test_a_merged_layer_costs_its_base_product(shape):
    assert total(forward(shape, rows=6, rank=2, way="merged")) == counted(lambda: base(shape)(x(shape, 6)))


@shapes
@ranks
def test_an_unmerged_lora_layer_costs_what_torch_counts(shape, rank):
    layer = lora(shape, rank)
    assert total(forward(shape, rows=6, rank=rank, way="LoRA")) == counted(lambda: layer(x(shape, 6)))


@both_axes
@shapes
@ranks
def test_a_dora_layer_costs_one_base_product_and_its_norm_on_either_axis(per, shape, rank):
    layer = dora(shape, rank, per)
    work = total(forward(shape, rows=6, rank=rank, way="DoRA", per=per))
    norm = total(norm_products(shape, rank, per=per, by="formed"))
    assert work + norm == counted(lambda: layer.split_forward(x(shape, 6)))


@both_axes
@shapes
@ranks
@pytest.mark.parametrize("road", ["formed", "factored"])
def test_both_roads_to_the_norm_cost_what_torch_counts(per, shape, rank, road):
    W, A, B = factors(shape, rank)
    kept = squared_norms(W, per=per)
    run = counted(lambda: adapted_norms(W, A, B, scaling=2.0, per=per, weight_squared=kept, road=road))
    assert total(norm_products(shape, rank, per=per, by=road)) == run


def pefts(shape, rank, device="meta"):
    """peft's own DoRA layer and what its forward takes beside x."""
    W, A, B = factors(shape, rank, device)
    linears = [nn.Linear(*reversed(size.shape), bias=False, device=device) for size in (W, A, B)]
    linears[0].requires_grad_(False)
    layer = DoraLinearLayer(fan_in_fan_out=False)
    layer.weight = nn.Parameter(torch.ones(shape.out_features, device=device))
    return layer, dict(zip(("base_layer", "lora_A", "lora_B"), linears, strict=True)) | {"scaling": 2.0}


@shapes
@ranks
def test_pefts_norm_costs_a_product_with_the_identity(shape, rank):
    layer, given = pefts(shape, rank)
    work = forward(shape, rows=6, rank=rank, way="DoRA", per="output")
    norm = norm_products(shape, rank, per="output", by="peft")
    assert total(work) + total(norm) == counted(lambda: layer(x(shape, 6), **given))


@shapes
@ranks
@pytest.mark.parametrize("input_gradient", [True, False])
def test_gradients_of_lora_cost_what_torch_counts(shape, rank, input_gradient):
    y = lora(shape, rank)(x(shape, 6, requires_grad=input_gradient))
    work = gradient_products(shape, rows=6, rank=rank, way="LoRA", input_gradient=input_gradient)
    assert total(work) == counted(lambda: y.backward(torch.ones_like(y)))


@both_axes
@shapes
@ranks
@pytest.mark.parametrize("input_gradient", [True, False])
def test_gradients_of_dora_cost_what_torch_counts(per, shape, rank, input_gradient):
    y = dora(shape, rank, per).split_forward(x(shape, 6, requires_grad=input_gradient))
    work = gradient_products(shape, rows=6, rank=rank, way="DoRA", per=per, input_gradient=input_gradient)
    assert total(work) == counted(lambda: y.backward(torch.ones_like(y)))


def test_gradients_of_a_merged_layer_are_the_inputs_alone():
    shape = LayerShape("tall", 7, 19)
    x_ = x(shape, 6, requires_grad=True)
    y = base(shape).requires_grad_(False)(x_)
    work = gradient_products(shape, rows=6, rank=2, way="merged", input_gradient=True)
    assert total(work) == counted(lambda: y.sum().backward())
    assert gradient_products(shape, rows=6, rank=2, way="merged", input_gradient=False) == {}


def test_by_hand():
    # W is (3, 2), one row, rank 1: six multiply-adds in the base, 2 into the rank and 3 out of it
    shape = LayerShape("hand", 2, 3)
    assert forward(shape, rows=1, rank=1, way="LoRA") == {"x W^T": 6, "x A^T": 2, "(x A^T) B^T": 3}
    assert norm_products(shape, 1, per="input", by="factored") == {"B^T W": 6, "B^T B": 3, "(B^T B) A": 2}
    assert norm_products(shape, 1, per="output", by="factored") == {"A W^T": 6, "A A^T": 2, "(A A^T) B^T": 3}


def test_copies_multiply_work():
    one, five = LayerShape("q", 4, 3), LayerShape("q", 4, 3, copies=5)
    runs = [
        lambda s: forward(s, rows=7, rank=2, way="DoRA", per="output"),
        lambda s: forward_elementwise(s, rows=7, rank=2, way="DoRA", per="input"),
        lambda s: gradient_products(s, rows=7, rank=2, way="LoRA", input_gradient=True),
        *(lambda s, by=by: norm_products(s, 2, per="output", by=by) for by in ("peft", "formed", "factored")),
        *(lambda s, by=by: norm_elementwise(s, 2, per="output", by=by) for by in ("peft", "formed", "factored")),
    ]
    for run in runs:
        assert run(five) == {step: 5 * count for step, count in run(one).items()}


def numbers(tensor):
    return (
        tensor.is_floating_point()
    )  # the truth values of the cancellation check are bytes, and left out of the formula


def peak(run):
    """Most elements alive at once in run(), of float64 tensors made there."""
    with Peak(numbers) as mode:
        kept = run()
    assert kept is not None
    assert mode.peak % 8 == 0
    return mode.peak // 8


@both_axes
@shapes
@ranks
@pytest.mark.parametrize(
    ("road", "slice_of"), [("factored", None), ("formed", None), ("formed", 100), ("formed", 8000)]
)
def test_memory_is_that_of_the_tensors_really_made(per, shape, rank, road, slice_of, monkeypatch):
    monkeypatch.setattr(factored, "FRESH", 0 if slice_of else 10**9)
    monkeypatch.setattr(factored, "SLICE", slice_of or 10**9)
    W, A, B = factors(shape, rank, "cpu", dtype=torch.float64)
    kept = squared_norms(W, per=per)
    with torch.no_grad():
        made = peak(lambda: adapted_norms(W, A, B, scaling=2.0, per=per, weight_squared=kept, road=road))
    assert made == norm_memory(shape, rank, per=per, by=road, slice_of=slice_of)


@both_axes
@pytest.mark.parametrize(
    ("into", "out", "slice_of"),
    [(1, 19, 8), (5, 15, 40), (5, 19, 40)],
    ids=["norms larger than a slice", "a rest almost a slice", "two slices and a rest"],
)
def test_memory_of_slices_is_that_of_the_tensors_really_made(per, into, out, slice_of, monkeypatch):
    monkeypatch.setattr(factored, "FRESH", 0)
    monkeypatch.setattr(factored, "SLICE", slice_of)
    shape = LayerShape("small", into, out)
    W, A, B = factors(shape, 2, "cpu", dtype=torch.float64)
    with torch.no_grad():
        made = peak(lambda: adapted_norms(W, A, B, scaling=2.0, per=per, road="formed"))
    assert made == norm_memory(shape, 2, per=per, by="formed", slice_of=slice_of)


@shapes
@ranks
@pytest.mark.parametrize("training", [True, False])
def test_memory_of_pefts_norm_is_that_of_the_tensors_really_made(shape, rank, training):
    layer, given = pefts(shape, rank, "cpu")
    layer, lora_A, lora_B, W = (
        part.double() for part in (layer, given["lora_A"], given["lora_B"], given["base_layer"])
    )

    def norm():  # the two steps that forward takes, the first in the graph
        product = layer.get_lora_weight(lora_A=lora_A, lora_B=lora_B, adapter_name="default")
        return product, layer.get_weight_norm(weight=W.weight, lora_weight=product.detach(), scaling=2.0)

    with torch.set_grad_enabled(training):
        assert peak(norm) == norm_memory(shape, rank, per="output", by="peft", training=training)


def test_factored_holds_a_tenth_of_the_plain_sum_on_a_large_weight():
    shape = LayerShape("q_proj", 4096, 4096)
    for per in AXES:
        whole = norm_memory(shape, 64, per=per, by="formed")
        assert norm_memory(shape, 64, per=per, by="factored") < whole / 10


def test_adam_holds_four_numbers_for_each_trained_one():
    shape = LayerShape("tall", 7, 19)
    layer = DoRALinear(nn.Linear(7, 19), per="input", rank=3, alpha=1, generator=torch.Generator())
    optimizer = torch.optim.Adam(p for p in layer.parameters() if p.requires_grad)
    layer(torch.ones(2, 7)).sum().backward()
    optimizer.step()
    held = [t for p, state in optimizer.state.items() for t in (p, p.grad, state["exp_avg"], state["exp_avg_sq"])]
    parameters = trainable([shape], rank=3, per="input").total
    assert total(cost.training_memory(parameters)) == sum(tensor.nbytes for tensor in held)
    assert total(cost.training_memory(parameters, dtype="bfloat16")) == sum(tensor.nbytes for tensor in held) / 2


@both_axes
def test_elementwise_work_is_the_elements_that_are_written(per):
    # every operation on single elements writes each of its elements once; a sum over a row is part of its squares
    shape, rank, rows = LayerShape("tall", 7, 19), 3, 6
    work = forward_elementwise(shape, rows=rows, rank=rank, way="DoRA", per=per)
    layer = DoRALinear(nn.Linear(7, 19, bias=False), per=per, rank=rank, alpha=1, generator=torch.Generator())
    norm = layer.adapted_norm()
    layer.adapted_norm = lambda: norm
    with Written() as mode:
        layer.split_forward(torch.ones(rows, 7))
    assert sorted(mode.elements) == sorted(work.values())


class Written(torch.utils._python_dispatch.TorchDispatchMode):
    """The sizes of what multiplications, divisions and additions of single elements make."""

    def __init__(self):
        super().__init__()
        self.elements = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if function.overloadpacket in (torch.ops.aten.mul, torch.ops.aten.div, torch.ops.aten.add):
            self.elements.append(math.prod(made.shape))
        return made


@both_axes
def test_elementwise_work_of_the_norms_is_of_two_sizes(per):
    # formed passes over all of W + sBA, factored over nothing larger than rank rows of either factor
    shape = LayerShape("q_proj", 4096, 4096)
    formed, factored_ = (norm_elementwise(shape, 16, per=per, by=by) for by in ("formed", "factored"))
    assert max(formed.values()) == 4096 * 4096
    assert max(factored_.values()) == 16 * 4096


SHAPE = LayerShape("k_proj", 4, 3)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: forward(SHAPE, rows=0, rank=2, way="LoRA"), "rows is 0"),
        (lambda: forward(SHAPE, rows=1, rank=0, way="LoRA"), "rank is 0"),
        (lambda: forward(SHAPE, rows=1, rank=2, way="lora"), "way is 'lora'"),
        (lambda: forward(SHAPE, rows=1, rank=2, way="DoRA"), "per is None, expected .* for DoRA"),
        (lambda: forward(SHAPE, rows=1, rank=2, way="LoRA", per="input"), "has no magnitudes: leave it out"),
        (lambda: norm_products(SHAPE, 2, per=1, by="formed"), "per is 1"),
        (lambda: norm_products(SHAPE, 2, per="input", by="peft"), "peft takes its norm per output only"),
        (lambda: norm_elementwise(SHAPE, 2, per="input", by="fast"), "by is 'fast'"),
        (lambda: norm_memory(SHAPE, 2, per="input", by="factored", slice_of=9), 'slice_of is for by="formed"'),
        (lambda: norm_memory(SHAPE, 2, per="input", by="formed", slice_of=0), "slice_of is 0"),
        (lambda: cost.training_memory(0), "parameters is 0"),
        (lambda: cost.training_memory(3, dtype="int8"), "dtype is 'int8'"),
    ],
)
def test_bad_input_is_named(run, says):
    with pytest.raises(ValueError, match=says):
        run()


class Sized:
    """A matrix of which only the sides are known. A product counts its multiply-adds."""

    def __init__(self, *sides, work=0):
        self.sides, self.work = sides, work

    @property
    def T(self):
        return Sized(*reversed(self.sides))

    def __matmul__(self, other):
        (a, b), (c, d) = self.sides, other.sides
        assert b == c, "the formula multiplies what does not fit"
        return Sized(a, d, work=a * b * d)


def last_product(formula, matrices):
    """Multiply-adds of the product that a formula like "(g B)^T x" makes last."""
    factors = re.sub(r"(?<=[\w)]) (?=[\w(])", " @ ", formula.replace("^T", ".T"))
    return eval(factors, {}, matrices).work


@both_axes
@pytest.mark.parametrize("way", ["merged", "LoRA", "DoRA"])
@pytest.mark.parametrize("by", ["peft", "formed", "factored"])
def test_a_product_is_named_by_the_formula_that_makes_it(per, way, by):
    shape, rank, rows = LayerShape("tall", 7, 19), 3, 6
    x_, g, W = Sized(rows, 7), Sized(rows, 19), Sized(19, 7)
    matrices = {"x": x_, "g": g, "W": W, "A": Sized(rank, 7), "B": Sized(19, rank), "I": Sized(7, 7)}
    along = per if way == "DoRA" else None
    works = [
        forward(shape, rows=rows, rank=rank, way=way, per=along),
        gradient_products(shape, rows=rows, rank=rank, way=way, per=along, input_gradient=True),
        norm_products(shape, rank, per="output" if by == "peft" else per, by=by),
    ]
    for work in works:
        assert work == {formula: last_product(formula, matrices) for formula in work}


def test_steps_on_single_elements_are_named():
    shape = LayerShape("tall", 7, 19)
    assert [*forward_elementwise(shape, rows=6, rank=3, way="DoRA", per="input")] == [
        "s (x A^T)",
        "x W^T + ...",
        "m / norm",
        "rescale",
    ]
    assert forward_elementwise(shape, rows=6, rank=3, way="merged") == {}
    steps = {by: [*norm_elementwise(shape, 3, per="output", by=by)] for by in ("peft", "formed", "factored")}
    assert steps["peft"] == ["I", "s (BA)", "W + s (BA)", "squares", "roots"]
    assert steps["formed"] == ["W + s (B A)", "squares", "roots"]
    factored_only = ["2 cross + Gram", "times the other factor", "|w|^2 + ...", "cancelled?"]
    assert steps["factored"] == [*factored_only, "roots"]


@pytest.mark.parametrize(
    ("per", "by", "counts"),
    [  # W is (5, 3), A (2, 3), B (5, 2): what each step writes, by hand
        ("output", "peft", [3 * 3, 5 * 3, 5 * 3, 5 * 3, 5]),
        ("output", "formed", [5 * 3, 5 * 3, 5]),
        ("input", "formed", [5 * 3, 5 * 3, 3]),
        ("output", "factored", [5 * 2, 5 * 2, 5, 5, 5]),
        ("input", "factored", [3 * 2, 3 * 2, 3, 3, 3]),
    ],
)
def test_steps_of_a_norm_on_single_elements_by_hand(per, by, counts):
    assert [*norm_elementwise(LayerShape("hand", 3, 5), 2, per=per, by=by).values()] == counts


def test_the_bytes_of_a_dtype_are_torch_s():
    assert {name: getattr(torch, name).itemsize for name in cost.BYTES} == cost.BYTES
    assert len(cost.BYTES) == 4
    assert [*cost.training_memory(1)] == ["weights", "gradients", "first moments", "second moments"]


def test_memory_is_of_a_training_unless_it_is_said_otherwise():
    shape = LayerShape("tall", 7, 19)
    training, without = (norm_memory(shape, 3, per="output", by="peft", training=on) for on in (True, False))
    assert norm_memory(shape, 3, per="output", by="peft") == training > without


def test_every_dtype_that_is_known_is_listed_where_one_is_not():
    with pytest.raises(ValueError, match=r"expected one of float64, float32, bfloat16, float16$"):
        cost.training_memory(3, dtype="int8")
