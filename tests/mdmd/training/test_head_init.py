"""A new head is initialized with the known landmarks nearest to its labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdmd.config import ModelConfig
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Box, Sample
from mdmd.inference.predict import predict_crops, views_ahead
from mdmd.loading.batches import FaceCache
from mdmd.loading.crop_cache import CropStore
from mdmd.models.heads import PerGroup
from mdmd.models.landmark_model import MDMD
from mdmd.training.head_init import inherit, nearest

LEFT_EYE, RIGHT_EYE, NOSE, JAW = 5, 6, 9, 2
KNOWN = Definition(
    "known", ("outer", "inner", "right", "tip", "bridge"), (LEFT_EYE, LEFT_EYE, RIGHT_EYE, NOSE, NOSE), (2, 1, 0, 3, 4)
)
NEW = Definition("new", ("snout", "corner", "chin"), (NOSE, LEFT_EYE, JAW), (0, 1, 2))


def test_only_landmarks_of_one_group_are_compared():
    far = torch.tensor([[0.0, 0.1, 0.1, 0.5, 0.4], [0.3, 0.2, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    assert nearest(far, NEW, KNOWN) == [4, 1, -1]


def test_a_landmark_that_was_never_labeled_has_no_counterpart():
    assert nearest(torch.full((3, 5), torch.nan), NEW, KNOWN) == [-1, -1, -1]


def test_an_initialized_head_predicts_like_its_counterparts():
    torch.manual_seed(0)
    known = PerGroup(16, KNOWN.members, 3)
    new = PerGroup(16, NEW.members, 3)
    before = new(tokens := torch.randn(4, 12, 16))[:, 2]
    new.start_from(known, [4, 1, -1])
    torch.testing.assert_close(new(tokens)[:, :2], known(tokens)[:, [4, 1]])
    torch.testing.assert_close(new(tokens)[:, 2], before)


@pytest.fixture(params=["heatmap", "regression"])
def model(request) -> MDMD:
    torch.manual_seed(1)
    made = MDMD(
        ModelConfig(
            encoder="test_vit", image_size=128, decoder_heads=2, pixel_channels=32, head=request.param, views="single"
        )
    )
    made.add_head("stranger", replace(KNOWN, name="stranger"))
    made.add_head("known", KNOWN)
    # Different places for the landmarks, as after training: new heads predict the middle of every image.
    with torch.no_grad():
        for name, offset in (("stranger", 0.9), ("known", 0.1)):
            places = torch.linspace(offset, offset + 0.05, 5)[:, None].expand(5, 2)
            head = made.head(name)
            if request.param == "regression":
                head.means.start_at(places, spread=1.0)
    return made


def test_inheriting_finds_the_landmarks_that_the_labels_name(model, tmp_path):
    random = np.random.default_rng(0)
    samples = []
    for k in range(5):
        file = tmp_path / f"{k}.png"
        Image.fromarray(random.integers(0, 255, (100, 100, 3), dtype=np.uint8)).save(file)
        samples.append(Sample(file, file.name, 100, 100, Box(20.0, 20.0, 60.0, 60.0)))
    images, crops = next(views_ahead(samples, model.config, batch_size=8))
    known = predict_crops(model, images, "known", crops)
    labeled = [
        replace(s, annotation=Annotation(p.points[[4, 1, 0]], np.array([2, 2, 0])))
        for s, p in zip(samples, known, strict=True)
    ]
    model.add_head("new", NEW)
    store = CropStore(tmp_path / "crops", warn=print)
    cache = FaceCache("new", NEW, labeled, crop_scale=model.config.crop_scale, size=128, store=store)

    assert inherit(model, cache, {"known", "stranger"}) == {"snout": "bridge", "corner": "inner"}
    found = predict_crops(model, images, "new", crops)
    for mine, theirs in zip(found, known, strict=True):
        np.testing.assert_allclose(mine.points[:2], theirs.points[[4, 1]], atol=0.05)


@pytest.mark.parametrize("head", ["heatmap", "regression"])
@pytest.mark.parametrize("tokens", ["group", "landmark", "both"])
def test_an_initialized_head_predicts_like_the_known_head_with_all_tokens(tokens, head):
    """The same landmarks in another order."""
    torch.manual_seed(2)
    made = MDMD(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2, tokens=tokens, head=head)).eval()
    made.add_head("known", KNOWN)
    like = [3, 0, 4, 2, 1]
    groups, mirror = tuple(KNOWN.groups[k] for k in like), tuple(like.index(KNOWN.mirror[k]) for k in like)
    made.add_head("new", Definition("new", tuple("abcde"), groups, mirror))
    images = torch.rand(2, 3, 64, 64)
    known = made(images, "known")
    assert not torch.allclose(made(images, "new").factor, known.factor[:, like], atol=1e-4)
    made.start_head("new", "known", like)
    torch.testing.assert_close(made(images, "new").mean, known.mean[:, like])
    torch.testing.assert_close(made(images, "new").factor, known.factor[:, like])


def test_without_other_heads_the_head_is_unchanged(model, tmp_path):
    alone = MDMD(model.config)
    alone.add_head("new", NEW)
    file = tmp_path / "face.png"
    Image.new("RGB", (64, 64)).save(file)
    face = Sample(file, "face.png", 64, 64, Box(0, 0, 64, 64), Annotation(np.full((3, 2), 9.0), np.full(3, 2)))
    store = CropStore(tmp_path / "crops", warn=print)
    cache = FaceCache("new", NEW, [face], crop_scale=1.4, size=128, store=store)
    assert inherit(alone, cache, set()) == {}
