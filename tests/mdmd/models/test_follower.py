"""A head that follows another one: the network computes what the numpy code says, and keeps it with the model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mdmd.errors import DataError
from mdmd.evaluation.fusion import fuse
from mdmd.models import checkpoint
from mdmd.models.follower import Follower
from mdmd.models.heads import covariance_to_factor, factor_to_covariance
from mdmd.models.landmark_model import MDMD, Laplacian, build
from mdmd.transfer.follow import Relation
from tests.builders import SMALL
from tests.mdmd.models.test_ablation_switches import COFW, TINY

N, M = len(SMALL.landmarks), len(COFW.landmarks)
IMAGES = torch.linspace(0, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64)


def some_relation() -> Relation:
    generator = np.random.default_rng(0)
    weights = generator.normal(1 / M, 0.05, (N, M, 2)) @ [1, 1j]
    return Relation(weights / weights.sum(axis=1, keepdims=True), generator.uniform(0.3, 2, N), np.full((1, 4), 0.1))


def following() -> MDMD:
    torch.manual_seed(0)
    model = build(TINY, {"apes": SMALL, "people": COFW}).eval()
    model.follow("apes", "people").take(some_relation())
    return model


def arrays(found: Laplacian) -> tuple[np.ndarray, np.ndarray]:
    return found.mean.double().numpy(), factor_to_covariance(found.factor.double()).numpy()


def predicted(model: MDMD, head: str) -> Laplacian:
    with torch.inference_mode():
        return model(IMAGES, head)


@pytest.mark.parametrize("tokens", ["group", "both"])
def test_its_points_are_its_own_fused_with_those_that_follow(tokens) -> None:
    torch.manual_seed(0)
    model = build(TINY.changed(tokens=tokens), {"apes": SMALL, "people": COFW}).eval()
    own, seen = arrays(predicted(model, "apes")), arrays(predicted(model, "people"))
    model.follow("apes", "people").take(some_relation())
    points, covariance = some_relation().follow(seen[0] @ [1, 1j], seen[1])
    followed = np.stack([points.real, points.imag], axis=-1), covariance
    wanted = fuse(*(np.stack(pair) for pair in zip(own, followed, strict=True)))
    found = arrays(predicted(model, "apes"))
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-5)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-3, atol=1e-8)
    np.testing.assert_array_equal(arrays(predicted(model, "people"))[0], seen[0])


def test_the_weights_may_lose_half_of_their_digits() -> None:
    exact = Follower("apes", "people", N, M)
    exact.take(some_relation())
    rough = Follower("apes", "people", N, M)
    rough.load_state_dict({key: value.half() for key, value in exact.state_dict().items()})
    seen, size = torch.rand(50, M, 2), torch.full((50, M, 3), 0.02)
    covariance = factor_to_covariance(size)
    apart = (exact.follow(seen, covariance)[0] - rough.follow(seen, covariance)[0]).norm(dim=-1)
    assert apart.max() * 224 < 0.2


def test_it_is_kept_with_the_model(tmp_path: Path) -> None:
    model = following()
    checkpoint.Checkpoint(model, "apes").save(tmp_path)
    again = checkpoint.load(tmp_path).model.eval()
    assert again.follows == {"apes": "people"}
    assert torch.equal(predicted(again, "apes").mean, predicted(model, "apes").mean)
    model.stop_following()
    checkpoint.Checkpoint(model, "apes").save(tmp_path)
    assert "follows" not in json.loads((tmp_path / "model.json").read_text())
    assert checkpoint.load(tmp_path).model.follows == {}


@pytest.mark.parametrize("follows", [["apes"], {"apes": "cats"}, {"apes": ["people"]}])
def test_a_head_that_is_not_there_cannot_be_followed(follows: object, tmp_path: Path) -> None:
    checkpoint.Checkpoint(following(), "apes").save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**record, "follows": follows}))
    with pytest.raises(DataError, match="follows is "):
        checkpoint.load(tmp_path)
    with pytest.raises(DataError, match="no head 'cats'"):
        following().follow("apes", "cats")


@pytest.mark.parametrize("name", ["apes", "people"])
@pytest.mark.parametrize("change", ["add", "drop", "rename"])
def test_a_head_that_changes_is_followed_no_more(name: str, change: str) -> None:
    model = following()
    if change == "add":
        model.add_head(name, model.definitions[name])
    elif change == "drop":
        model.drop_head(name)
    else:
        model.rename_head(name, "cats")
    assert model.follows == {}
    model = following()
    model.add_head("cats", replace(SMALL, name="cats"))
    model.follow("cats", "people")
    model.follow("cats", "apes")
    assert model.follows == {"apes": "people", "cats": "apes"}
    model.drop_head("cats")
    assert torch.equal(predicted(model, "apes").mean, predicted(following(), "apes").mean)


def test_heads_are_fused_in_float32_under_autocast() -> None:
    follower = Follower("apes", "people", N, M)
    follower.take(some_relation())
    torch.manual_seed(0)
    mean, seen = torch.rand(3, N, 2), torch.rand(3, M, 2)
    factor, other = covariance_to_factor(torch.eye(2).expand(3, N, 2, 2) * 1e-4), torch.full((3, M, 3), 0.02)
    exact = follower(mean, factor, seen, other)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(follower(mean, factor, seen, other), exact)
