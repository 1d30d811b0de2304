"""The graph of a whole prediction gives what the prediction itself gives, in crop pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mdmd.config import ModelConfig
from mdmd.data.records import Box
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import probabilities_off
from mdmd.inference import predict
from mdmd.loading.crop import face_crop
from mdmd.models.landmark_model import MDMD
from mdmd.portable.graph import CropGraph, resizing
from mdmd.transfer.follow import Relation
from tests.builders import SMALL

CALIBRATION = Calibration(scale=0.7, sharpness=1.4, typical=0.03, power=1.2, faces=50)
#: The definitions that differ in how errors are divided, and in whether pictures can be mirrored.
DEFINITIONS = {
    "mirrored": SMALL,
    "by the box": replace(SMALL, normalizer=None),
    "not mirrored": replace(SMALL, mirror=tuple(range(len(SMALL.landmarks)))),
}


def model_of(definition, *, follows: bool, **config) -> MDMD:
    torch.manual_seed(3)
    model = MDMD(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2, **config))
    model.add_head("own", definition)
    if follows:
        model.add_head("other", replace(SMALL, name="other"))
        weights = np.random.default_rng(0).normal(0.25, 0.1, (4, 4, 2)) @ [1, 1j]
        relation = Relation(weights / weights.sum(axis=1, keepdims=True), np.linspace(0.5, 2, 4), np.full((1, 4), 0.1))
        model.follow("own", "other").take(relation)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn_like(weight)  # covariances of all directions
    return model.eval()


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("config", [{"views": "two", "head": "heatmap"}, {"views": "single", "head": "regression"}])
def test_it_computes_what_a_prediction_computes(
    name: str, config, follows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "autocast", lambda device: torch.autocast(device.type, enabled=False))
    definition, model = DEFINITIONS[name], model_of(DEFINITIONS[name], follows=follows, **config)
    graph = CropGraph(model, "own", CALIBRATION, 0.1).eval()
    size, scale = predict.broadest_size(model.config)
    assert (graph.size, graph.scale) == (size, scale)
    boxes = [Box(10.0, 20.0, 30.0, 25.0), Box(-5.0, 3.0, 60.0, 90.0), Box(0.0, 0.0, 20.0, 20.0)]
    crops = [face_crop(box, scale=scale, size=size) for box in boxes]
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, size, size), dtype=np.uint8))
    raw = predict.predict_crops(model, pixels, "own", crops)
    wanted = [CALIBRATION.apply(one, box) for one, box in zip(raw, boxes, strict=True)]
    sides = torch.tensor([(box.w * crop.scale, box.h * crop.scale) for box, crop in zip(boxes, crops, strict=True)])
    with torch.inference_mode():
        points, covariances, p_off = (found.numpy() for found in graph(pixels, sides))
    for k, (crop, one) in enumerate(zip(crops, wanted, strict=True)):
        np.testing.assert_allclose(crop.to_image(points[k]), one.points, atol=2e-3)
        np.testing.assert_allclose(crop.covariance_to_image(covariances[k]), one.covariance, rtol=2e-3, atol=1e-4)
        off = probabilities_off(definition, one, boxes[k], 0.1, CALIBRATION.law)
        np.testing.assert_allclose(p_off[k], off, atol=1e-4)
        assert 0.01 < off.min() < off.max() <= 1


def test_a_resize_is_a_product_with_its_weights() -> None:
    pixels = torch.rand(1, 3, 37, 37)
    weights = resizing(37, 16)
    wanted = torch.nn.functional.interpolate(pixels, size=(16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(weights @ pixels @ weights.T, wanted)
