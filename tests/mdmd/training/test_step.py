"""One step: parts of a batch, out of memory, values that are not finite, rare landmarks, draws."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from mdmd.config import PRESETS, TrainConfig
from mdmd.data.records import Annotation, Box, Sample
from mdmd.errors import DataError
from mdmd.loading.batches import Batch, FaceCache
from mdmd.loading.crop_cache import CropStore
from mdmd.models import losses
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import MDMD, Laplacian
from mdmd.training.distributed import Processes
from mdmd.training.label_counts import label_counts, rarely_labeled
from mdmd.training.loop import PATIENCE, fit
from mdmd.training.plan import Plan
from mdmd.training.resume import Keep, RunState
from mdmd.training.run_log import RunLog
from mdmd.training.sampling import draws
from mdmd.training.schedule import Budget, Pace
from mdmd.training.step import Stepper, batch_loss, make_optimizer, out_of_memory
from mdmd.training.validation import Watch
from tests.builders import SMALL, write_picture

#: With the paper's head, and float64 below, so that another order of sums changes the last digits only.
TINY = PRESETS["tiny"].model.changed(image_size=64, head="regression")
SETTINGS = PRESETS["tiny"].train.changed(batch_size=8, optimizer="adam", learning_rate=1e-3)
NO_FACE = torch.zeros(4, dtype=torch.bool)


def a_batch(seed=0):
    """Eight faces of SMALL with unlabeled landmarks; in some faces a whole group is not labeled."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(8, 3, 64, 64, generator=generator, dtype=torch.float64)
    points = torch.rand(8, 4, 2, generator=generator)
    labeled = torch.rand(8, 4, generator=generator) < 0.6
    labeled[:4, 3] = False
    return Batch("small", images, points, labeled)


class Crowded(MDMD):
    """A network with memory for `room` faces at once; beyond that it raises `refusal`."""

    room = 10**6
    refusal: BaseException = torch.OutOfMemoryError("CUDA out of memory")

    def forward(self, images, head):
        if len(images) > self.room:
            raise self.refusal
        return super().forward(images, head)


def a_model(kind=Crowded):
    torch.manual_seed(0)
    model = kind(TINY)
    model.add_head("small", SMALL)
    return model.double()


def a_stepper(model, told=None, processes=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    tell = (lambda message: None) if told is None else told.append
    return Stepper(model, optimizer, SETTINGS, processes or Processes(device=torch.device("cpu")), tell)


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize(
    "refusal",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        MemoryError(),
    ],
    ids=["gpu", "windows", "linux", "python"],
)
def test_out_of_memory_halves_the_piece_and_not_the_batch(refusal):
    roomy, crowded = a_model(), a_model()
    crowded.room, crowded.refusal = 3, refusal
    told = []
    expected = a_stepper(roomy)(a_batch(), NO_FACE, 0.5)
    found = a_stepper(crowded, told)(a_batch(), NO_FACE, 0.5)
    assert found == pytest.approx(expected, rel=1e-6)
    for name, gradient in gradients(roomy).items():
        torch.testing.assert_close(gradients(crowded)[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
    assert [message[:45] for message in told] == [
        "out of memory: from now on 4 faces at a time;",
        "out of memory: from now on 2 faces at a time;",
    ]


def test_no_memory_for_one_face_ends_the_run_and_other_errors_propagate():
    model = a_model()
    model.room = 0
    with pytest.raises(MemoryError, match="not enough memory to train on one face at a time"):
        a_stepper(model)(a_batch(), NO_FACE, 0.5)
    model.refusal = RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        a_stepper(model)(a_batch(), NO_FACE, 0.5)
    assert not out_of_memory(ValueError("not enough values"))


class Apart(Processes):
    """One of several processes, without communication: its gradients stay its own part."""

    def total(self, values):
        return values

    def sum_gradients(self, parameters):
        pass


def test_the_parts_of_three_processes_add_up_to_the_whole_batch():
    whole = a_model()
    settled = SETTINGS.changed(clip_norm=None)
    expected = a_stepper(whole)
    expected.config = settled
    value = expected(a_batch(), NO_FACE, 0.5)
    total = dict.fromkeys(gradients(whole), 0.0)
    parts = 0.0
    for index in range(3):
        model = a_model()
        stepper = a_stepper(model, processes=Apart(index, 3, torch.device("cpu")))
        stepper.config = settled
        parts += stepper(a_batch(), NO_FACE, 0.5)
        total = {name: total[name] + gradient for name, gradient in gradients(model).items()}
    assert parts == pytest.approx(value, rel=1e-6)
    for name, gradient in gradients(whole).items():
        torch.testing.assert_close(total[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("encoder", ["test_vit", "test_resnet"])
def test_the_last_block_is_never_frozen(encoder):
    model = MDMD(TINY.changed(encoder=encoder))
    depth = model.encoder.depth
    for frozen, lowest in ((0, 0), (1, 2), (100, depth - 1)):
        make_optimizer(model, SETTINGS, frozen_blocks=frozen)
        learning = {model.encoder.depth_of(n) for n, p in model.encoder.named_parameters() if p.requires_grad}
        assert learning == set(range(lowest, depth + 1))


def test_the_parts_of_all_processes_cover_the_batch():
    for count in (1, 2, 3, 5):
        parts = [Processes(k, count).part(8) for k in range(count)]
        assert [k for part in parts for k in range(part.start, part.stop)] == list(range(8))
    with pytest.raises(DataError, match="found 9 processes, wanted at most 8"):
        Processes(0, 9).part(8)


def test_labels_are_weighted_by_equation_4():
    labeled = torch.tensor([[True, True, False], [True, False, False]])
    members = ((0, 1), (), (2,))
    counts = losses.group_counts(labeled, members)
    assert counts.tolist() == [3, 0, 0]
    torch.testing.assert_close(losses.group_weights(counts, members), torch.tensor([1 / 3, 1 / 3, 0]))
    labeled[1, 2] = True
    weights = losses.group_weights(losses.group_counts(labeled, members), members)
    torch.testing.assert_close(weights, torch.tensor([1 / 6, 1 / 6, 1 / 2]))


class Poisoned(MDMD):
    """A network with a finite loss and an infinite gradient: the root of a weight that is zero."""

    def __init__(self, config):
        super().__init__(config)
        self.poison = nn.Parameter(torch.zeros(()))

    def forward(self, images, head):
        found = super().forward(images, head)
        return replace(found, mean=found.mean + self.poison.sqrt())


def test_a_gradient_that_is_not_finite_changes_no_weight():
    model = a_model(Poisoned)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    value = a_stepper(model)(a_batch(), NO_FACE, 0.5)
    assert not torch.isfinite(torch.tensor(value))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


class Lost(MDMD):
    """A network that predicts NaN from image number `good` on."""

    seen, good = 0, 4

    def forward(self, images, head):
        found = super().forward(images, head)
        self.seen += self.training
        return replace(found, mean=found.mean * (1 if self.seen <= self.good else torch.nan))


def test_a_run_without_finite_losses_stops_with_its_last_good_weights(tmp_path):
    picture = write_picture(tmp_path / "face.png")
    torch.manual_seed(0)
    model = Lost(TINY)
    model.add_head("small", SMALL)
    points = torch.tensor([[10.0, 10], [30, 10], [20, 20], [20, 30]]).double().numpy()
    face = Sample(
        picture, "face.png", 64, 48, Box(0, 0, 40, 40), Annotation(points, (points[:, 0] * 0 + 2).astype(int))
    )
    store = CropStore(tmp_path / "crops", warn=print)
    cache = FaceCache("small", SMALL, [face] * 4, crop_scale=1.4, size=64, store=store)
    keep = Keep(tmp_path / "resume.safetensors")
    plan = Plan(SETTINGS.changed(batch_size=2), Budget(steps=100), keep=keep)
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        watch = Watch(Checkpoint(model, "small"), (), log, "base")
        state = RunState(keep, {}, log)
        with pytest.raises(DataError, match=rf"step {4 + PATIENCE}: {PATIENCE} steps in a row .* are kept in .*resume"):
            fit(model, [cache], plan, log, watch, "base", state=state)
    assert keep.file.is_file()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert (tmp_path / "log.jsonl").read_text().count("the step was skipped") == PATIENCE


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_rare_landmark_learns_its_place_and_borrows_its_sigma(share):
    rare = torch.tensor([False, False, True, False])
    labeled, weights = torch.ones(2, 4, dtype=torch.bool), torch.full((4,), 1 / 8)

    def slopes(own, others):
        """Gradients of mean and factor, with an error of `own` for the rare landmark and `others` for the others."""
        mean = torch.full((2, 4, 2), 0.4, requires_grad=True)
        factor = torch.tensor([0.05, 0.0, 0.05]).repeat(2, 4, 1).requires_grad_()
        points = mean.detach() + torch.where(rare, own, others)[:, None] * torch.tensor([0.6, 0.8])
        batch_loss(Laplacian(mean, factor), points, labeled, weights, rare, TrainConfig(), share).backward()
        assert mean.grad is not None
        assert factor.grad is not None
        return mean.grad, factor.grad

    mean, memorized = slopes(own=0.001, others=0.2)
    _, missed = slopes(own=0.3, others=0.2)
    assert (mean[:, 2] != 0).all()
    torch.testing.assert_close(memorized[:, 2], missed[:, 2])
    # By hand: an error of 0.2 at sigma 0.05, d(log a + sqrt(3) r / a)/da = 1 / a - sqrt(3) x^2 / (a^2 r), here with
    # x = 0.12; three known landmarks of weight 1 / 8, the whole as much as one landmark of four.
    by_hand = 1 / 0.05 - 3**0.5 * 0.12**2 / (0.05**2 * 0.2)
    torch.testing.assert_close(memorized[:, 2, 0], torch.full((2,), 3 / 8 / 4 * by_hand))
    _, sure = slopes(own=0.3, others=0.001)
    assert (sure[:, 2, [0, 2]] > 0).all()


def test_a_label_counts_for_its_mirror_partner_where_faces_are_mirrored():
    # Landmarks 0 and 1 mirror each other; 2 and 3 lie on the midline.
    labeled = torch.tensor([[1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]).bool()
    assert label_counts(labeled, (1, 0, 2, 3), mirrored=False).tolist() == [2, 1, 1, 0]
    assert label_counts(labeled, (1, 0, 2, 3), mirrored=True).tolist() == [3, 3, 1, 0]
    assert rarely_labeled(labeled, (1, 0, 2, 3), mirrored=True).tolist() == [False, False, True, True]


def test_draws_depend_on_seed_and_step_alone():
    def seen(seed, start, count):
        stream = draws([5, 3], 2, 0.75, seed, start=start)
        taken = itertools.islice(stream, count)
        return [(d.which, tuple(d.index), float(torch.rand((), generator=d.generator))) for d in taken]

    whole = seen(7, 0, 20)
    assert seen(7, 13, 7) == whole[13:]
    assert seen(8, 0, 20) != whole
    assert len({number for _, _, number in whole}) == 20
    first = [k for which, index, _ in whole if which == 0 for k in index]
    assert sorted(first[:5]) == sorted(first[5:10]) == list(range(5))


def test_the_pace_does_not_include_the_first_step():
    pace = Pace(100.0)
    pace.step(130.0)
    assert pace.seconds == 30
    pace.step(131.0)
    pace.step(134.0)
    assert pace.seconds == 2
    budget = Budget(minutes=2)
    assert budget.steps_left(3, 34, pace=2) == 43
    assert budget.steps_left(3, 34, pace=2, closing=20) == 33
    assert budget.share(3, 50, closing=20) == 0.5
    assert budget.share(3, 50, closing=1000) == 50 / 60
    assert Budget(steps=10).steps_left(4, 1e9, pace=5, closing=20) == 6
