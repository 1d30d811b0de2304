"""Prediction in image pixels: all views of a face give the same places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdmd.config import ModelConfig
from mdmd.data.boxes import box_scale
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Box, Sample
from mdmd.inference.boxes import Look, find_boxes
from mdmd.inference.predict import VIEWS, predict, predict_crops, views_ahead
from mdmd.models.landmark_model import MDMD, Laplacian

EYES = Definition("eyes", ("eye_left", "eye_right"), groups=(5, 6), mirror=(1, 0))


UNPAIRED = replace(EYES, mirror=(0, 1))
SYMMETRIC = replace(UNPAIRED, symmetric=True)


class DotFinder(MDMD):
    """Replaces a network: predicts the places of the two bright dots, the left one first."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.definitions |= {"eyes": EYES, "unpaired": UNPAIRED, "symmetric": SYMMETRIC}

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
    """Two dots, the right one lower, in a box that is not in the middle of the image."""
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


def test_only_a_head_that_can_be_mirrored_has_a_mirrored_view(face):
    model = DotFinder(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2, views="two"))
    images, crops = next(views_ahead([face], model.config, batch_size=1))

    def found(head, views=None):
        return predict_crops(model, images, head, crops, views=views)[0]

    eyes = [[90.0, 80.0], [140.0, 100.0]]
    for views in (None, VIEWS["two"][:1], VIEWS["two"][1:]):
        np.testing.assert_allclose(found("eyes", views).points, eyes, atol=0.15)
        np.testing.assert_allclose(found("unpaired", views).points, eyes, atol=0.15)
    # In the mirrored view, this network predicts the dot on the other side for each landmark.
    np.testing.assert_allclose(found("symmetric", VIEWS["two"][:1]).points, eyes[::-1], atol=0.15)
    # The two crops still differ in width, and their covariances in size.
    narrow, wide, both = (found("unpaired", views).covariance for views in (VIEWS["two"][:1], VIEWS["two"][1:], None))
    assert (narrow[:, 0, 0] < both[:, 0, 0]).all()
    assert (both[:, 0, 0] < wide[:, 0, 0]).all()
    assert (both[:, 0, 1] > 0).all()


def looking(model: MDMD) -> Look:
    return lambda samples: predict(model, samples, "eyes", views=VIEWS["single"])


def test_the_box_of_a_face_anywhere_in_an_image_is_found(face):
    model = DotFinder(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2))
    whole = replace(face, box=Box(0.0, 0.0, 240.0, 200.0))
    found = find_boxes(looking(model), [whole, face], scale=2.0)
    for sample in found:  # from either start: the dots are 50 and 20 pixels apart, half of 50 is added on every side
        box = sample.box
        assert (box.x, box.y, box.w, box.h) == pytest.approx((65.0, 55.0, 100.0, 70.0), abs=1.0)
    once = find_boxes(looking(model), [whole], scale=2.0, passes=1)[0].box
    assert (once.w, once.h) == pytest.approx((100.0, 70.0), abs=2.0)
    assert find_boxes(looking(model), [], scale=2.0) == []


class Misled(DotFinder):
    """Finds the dots, but if it sees the bright edge of the image, it is certain of a wrong corner."""

    def forward(self, images: torch.Tensor, head: str) -> Laplacian:
        light = images[:, 0].clamp(min=0).mean(dim=(1, 2))
        edge, dark = (light > 0.015)[:, None, None], (light < 1e-4)[:, None, None]
        found = super().forward(images + 1e-6, head)
        mean = torch.where(edge, torch.tensor([[0.72, 0.72], [0.78, 0.78]]), found.mean)
        mean = torch.where(dark, torch.tensor([[0.3, 0.3], [0.7, 0.7]]), mean)
        return Laplacian(mean, found.factor * torch.where(edge, 0.1, torch.where(dark, 10.0, 1.0)))


def test_the_most_certain_of_the_found_boxes_is_used(face):
    pixels = np.asarray(Image.open(face.path)).copy()
    pixels[:, :8] = 255
    Image.fromarray(pixels).save(face.path)
    model = Misled(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2))
    whole = replace(face, box=Box(0.0, 0.0, 240.0, 200.0))
    box = find_boxes(looking(model), [whole], scale=2.0)[0].box
    assert (box.x, box.y, box.w, box.h) == pytest.approx((65.0, 55.0, 100.0, 70.0), abs=1.0)


def test_degenerate_points_do_not_move_a_box(face):
    model = DotFinder(ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2))
    heap = np.zeros((200, 240, 3), dtype=np.uint8)
    heap[78:82, 88:92] = 255
    Image.fromarray(heap).save(face.path)
    assert find_boxes(looking(model), [face], scale=1.3)[0].box == face.box


def test_box_scale_uses_faces_with_most_landmarks_labeled(face):
    def labeled(visibility: list[int]) -> Sample:
        points = np.array([[90.0, 80.0], [140.0, 100.0], [100.0, 90.0]])
        return replace(face, annotation=Annotation(points, np.array(visibility)))

    assert box_scale([labeled([2, 2, 2]), labeled([2, 0, 0]), face]) == pytest.approx(90 / 50)
    assert box_scale([labeled([2, 0, 0]), face]) is None
