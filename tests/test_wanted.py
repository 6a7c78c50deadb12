"""What full fine-tuning wants of its matrices: the shares on made changes, against other routes to them, and on a planted task."""

import json

import numpy as np
import pytest
import torch
from experiments import records, wanted
from experiments.tasks import BadInput
from support.planted import bench

W = torch.randn(12, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def factors(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64).exp2()


@pytest.mark.parametrize(("per", "size", "other"), [("output", (12, 1), "input"), ("input", (1, 20), "output")])
def test_a_rescale_is_wanted_on_its_own_side_and_no_rank_is_left_to_want(per, size, other):
    wants = wanted.asked(W, factors(*size) * W)
    assert wants[per] < 1e-12 and wants[f"rank90_{per}"] == 0
    assert wants[other] > 0.5 and wants[f"rank90_{other}"] > 3
    assert wants[f"rank8_{per}"] < 1e-12


def test_a_change_of_rank_2_wants_rank_2_and_no_rescale():
    g = torch.Generator().manual_seed(2)
    change = torch.randn(12, 2, generator=g, dtype=torch.float64) @ torch.randn(2, 20, generator=g, dtype=torch.float64)
    wants = wanted.asked(W, W + change)
    assert wants["rank90"] == 2 and max(wants[name] for name in wanted.MISSED if name.startswith("rank8")) < 1e-12
    assert min(wants["output"], wants["input"]) > 0.9


@pytest.mark.parametrize("per", ["output", "input"])
def test_the_best_rescale_is_least_squares_row_by_row_and_column_by_column(per):
    g = torch.Generator().manual_seed(3)
    target = (W + torch.randn(12, 20, generator=g, dtype=torch.float64)).numpy()
    base = W.numpy()
    lines = zip(target, base, strict=True) if per == "output" else zip(target.T, base.T, strict=True)
    left = sum(float(np.linalg.lstsq(w[:, None], t, rcond=None)[1][0]) for t, w in lines)
    missed = wanted.asked(W, torch.tensor(target))[per]
    assert missed == pytest.approx((left / ((target - base) ** 2).sum()) ** 0.5, rel=1e-9)


def test_both_together_miss_less_than_either_and_a_turn_more_never_hurts():
    g = torch.Generator().manual_seed(4)
    target = W + torch.randn(12, 20, generator=g, dtype=torch.float64)
    wants = wanted.asked(W, target)
    for per in ("output", "input"):
        assert wants[f"rank8_{per}"] < min(wants[per], wants["rank8"])
        far = [float((target - wanted.together(target, W, per=per, rounds=n)).norm()) for n in (1, 2, 5, 20)]
        assert far == sorted(far, reverse=True)


def test_the_rank_needed_leaves_a_tenth_and_one_less_leaves_more():
    g = torch.Generator().manual_seed(5)
    change = torch.randn(12, 20, generator=g, dtype=torch.float64)
    rank = wanted.rank_needed(change, change)
    left = [
        float((change - wanted.truncated(change, k)).square().sum() / change.square().sum()) for k in (rank, rank - 1)
    ]
    assert left[0] <= 0.1 < left[1]


def test_it_makes_a_row_a_matrix_and_seed_goes_on_where_it_stopped_and_makes_a_seed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(wanted, "SEEDS", range(5, 7))
    tried = bench()
    assert wanted.go(tried, tmp_path, say=lambda line: None) == 2
    rows = wanted.read(tmp_path)
    assert [row["seed"] for row in rows] == ["5"] * 12 + ["6"] * 12
    assert all(float(row["size"]) > 0 for row in rows)
    assert wanted.go(tried, tmp_path, say=lambda line: None) == 0
    said = json.loads((tmp_path / "wanted.json").read_text())
    assert said["rows"] == 24
    text, holds = wanted.remake(tried, tmp_path)
    assert holds and "seed 5" in text
    changed = [row | {"output": "0.5"} if row["layer"] == "1" else row for row in rows]
    (tmp_path / "wanted.csv").unlink()
    records.append(tmp_path / "wanted.csv", wanted.ROW, changed)
    assert not wanted.remake(tried, tmp_path)[1]


def test_bad_input_is_one_sentence(tmp_path, capsys):
    assert wanted.main(["--out", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"--out {tmp_path / 'none'} is no folder: make it first.\n"
    with pytest.raises(BadInput, match="has no rows of seed 5: make them first, without --remake"):
        wanted.remake(bench(), tmp_path)
