"""From a picture to points in its pixels: every look at a face leads back to the same place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mdmd.config import ModelConfig
from mdmd.model import MDMD, Laplacian
from mdmd.predict import VIEWS, fuse, predict_crops, views_ahead
from mdmd.records import Box, Definition, Sample

EYES = Definition("eyes", ("eye_left", "eye_right"), groups=(5, 6), mirror=(1, 0))


class DotFinder(MDMD):
    """Stands in for a network: says where the two bright dots are, the one further left first."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.definitions["eyes"] = EYES

    def forward(self, images: torch.Tensor, head: str) -> Laplacian:
        size = images.shape[-1]
        line = (torch.arange(size) + 0.5) / size
        means = []
        for picture in images[:, 0]:
            column = picture.sum(dim=0)
            middle = (column * line).sum() / column.sum()
            sides = []
            for half in (line < middle, line >= middle):
                light = picture * half
                sides.append(torch.stack([(light.sum(0) * line).sum(), (light.sum(1) * line).sum()]) / light.sum())
            means.append(torch.stack(sides))
        mean = torch.stack(means)
        return Laplacian(mean, torch.tensor([0.02, 0.01, 0.03]).expand(*mean.shape[:2], 3))


@pytest.fixture
def face(tmp_path) -> Sample:
    """Two dots, the right one lower, in a box that is not in the picture's middle."""
    pixels = np.zeros((200, 240, 3), dtype=np.uint8)
    pixels[78:82, 88:92] = 255
    pixels[98:102, 138:142] = 255
    file = tmp_path / "dots.png"
    Image.fromarray(pixels).save(file)
    return Sample(file, "dots.png", 240, 200, Box(70.0, 50.0, 90.0, 80.0))


@pytest.mark.parametrize("views", list(VIEWS))
def test_every_view_leads_back_to_the_same_image_pixels(face, views):
    model = DotFinder(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2, views=views))
    images, crops = next(views_ahead([face], model.config, batch_size=1))
    (found,) = predict_crops(model, images, "eyes", crops)
    np.testing.assert_allclose(found.points, [[90.0, 80.0], [140.0, 100.0]], atol=0.15)


@pytest.mark.parametrize("view", VIEWS["two"])
def test_a_single_look_gives_its_covariance_in_image_pixels(face, view):
    model = DotFinder(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2, views="two"))
    images, crops = next(views_ahead([face], model.config, batch_size=1))
    (found,) = predict_crops(model, images, "eyes", crops, views=[view])
    side = 90.0 * 1.4 * view.zoom
    mixed = -1 if view.mirrored else 1
    expected = np.array([[0.0004, mixed * 0.0002], [mixed * 0.0002, 0.001]]) * side**2
    np.testing.assert_allclose(found.covariance, [expected, expected], rtol=0.02)


def test_fused_views_lean_on_the_surer_one_and_own_up_to_what_they_disagree_by():
    means = np.array([[[[0.0, 0.0]]], [[[1.0, 0.0]]]])
    covariances = np.array([[[np.diag([1.0, 4.0])]], [[np.diag([3.0, 4.0])]]])
    mean, covariance = fuse(means, covariances)
    np.testing.assert_allclose(mean, [[[0.25, 0.0]]])
    # harmonic mean of 1 and 3 is 1.5; the squared offsets from 0.25 are 0.0625 and 0.5625
    np.testing.assert_allclose(covariance, [[np.diag([1.5 + 0.3125, 4.0])]])


def test_one_view_is_left_as_it_is():
    mean, covariance = fuse(np.full((1, 2, 3, 2), 0.3), np.broadcast_to(np.eye(2), (1, 2, 3, 2, 2)))
    np.testing.assert_allclose(mean, 0.3)
    np.testing.assert_allclose(covariance, np.broadcast_to(np.eye(2), (2, 3, 2, 2)))
