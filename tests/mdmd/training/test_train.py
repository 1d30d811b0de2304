"""Training on drawn faces: it learns, is reproducible, masks unlabeled points and writes a checkpoint."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mdmd.config import PRESETS, TrainConfig, heldout_count
from mdmd.data.coco import read_coco
from mdmd.data.records import Annotation
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.inference.model import Model
from mdmd.inference.predict import predict
from mdmd.loading.batches import FaceCache, epochs, split_heldout
from mdmd.loading.crop_cache import CropStore
from mdmd.models import checkpoint
from mdmd.models.encoder import Encoder
from mdmd.models.landmark_model import MDMD, build
from mdmd.synthetic.datasets import write_source
from mdmd.training.crossfit import folds_of
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.sampling import draw_set, draws
from mdmd.training.schedule import Budget, learning_rate_factor
from mdmd.training.train import adapt, fewer_faces, share_of_target, some_of, start_encoder, train, without_pictures_of
from tests.builders import write_pareidolias

TINY = PRESETS["tiny"].model.changed(image_size=64, pixel_channels=16)
QUICK = PRESETS["tiny"].train.changed(batch_size=8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    people = read_coco(write_source(folder / "people", 12, seed=0), name="people")
    objects = read_coco(write_pareidolias(folder / "objects", 12), name="objects")
    return people, objects


def quick(steps=4, **kw):
    return Plan(QUICK, Budget(steps=steps), weights="none", **kw)


@pytest.fixture
def log(tmp_path):
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        yield log


def test_a_run_is_reproducible_with_its_seed(sets, log):
    runs = [train([sets[1]], TINY, quick(seed=seed), log).model.state_dict() for seed in (3, 3, 4)]
    assert all(torch.equal(runs[0][k], runs[1][k]) for k in runs[0])
    assert any(not torch.equal(runs[0][k], runs[2][k]) for k in runs[0])


def test_adapting_from_a_base_keeps_its_heads_and_adds_one(sets, log, tmp_path):
    people, objects = sets
    base = train([people], TINY, quick(), log)
    base.save(tmp_path / "base")
    made = adapt(objects, [people], checkpoint.load(tmp_path / "base"), TINY, quick(), log)
    assert list(made.model.definitions) == ["people", "objects"]
    assert made.target == "objects"
    assert set(made.calibrations) == {"objects"}, "the calibration of a base is only valid for the base"
    assert made.history.faces["people"] > 0
    made.save(tmp_path / "run")
    again = checkpoint.load(tmp_path / "run")
    images = torch.rand(1, 3, 64, 64)
    made.model.eval()
    again.model.eval()
    torch.testing.assert_close(again.model(images, "objects").mean, made.model(images, "objects").mean)
    assert again.history == made.history
    assert again.calibrations == made.calibrations
    assert made.calibration("objects").faces > 0
    assert made.calibration("nobody").scale == 1


def test_a_checkpoint_with_only_a_scale_as_calibration_can_be_read(sets, log, tmp_path):
    train([sets[1]], TINY, quick(), log).save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    del record["calibrations"]
    (tmp_path / "model.json").write_text(json.dumps({**record, "scales": {"objects": 0.8}}))
    assert checkpoint.load(tmp_path).calibrations == {"objects": Calibration(0.8)}
    (tmp_path / "model.json").write_text(json.dumps({**record, "calibrations": {"objects": {"colour": 1}}}))
    with pytest.raises(DataError, match=r"model.json: .*'colour'.* written by another version"):
        checkpoint.load(tmp_path)


def test_cross_fitting_trains_and_calibrates_on_every_face(sets, log, tmp_path):
    people, objects = sets
    few = fewer_faces(objects, 6, seed=0)
    made = adapt(few, [people], None, TINY, quick(folds=3), log)
    assert made.history.faces["objects"] == made.calibration("objects").faces == 6
    assert (made.history.heldout["n"], made.history.heldout["folds"]) == (6, 3)
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(e["faces"], e["folds"]) for e in events if e["event"] == "fold"] == [(4, 3)] * 3
    plain = adapt(replace(few, name="objects"), [people], None, TINY, quick(folds=2), log)
    for key, value in made.model.state_dict().items():  # folds do not change the model itself
        assert torch.equal(value, plain.model.state_dict()[key])


def test_too_few_faces_for_conformal_ellipses_fall_back_to_likelihood_with_a_warning(sets, log, tmp_path):
    made = train([sets[1]], TINY, quick(calibration="conformal"), log)
    assert made.calibration("objects").method == "likelihood"
    assert "wanted at least 9 for a conformal 90 % ellipse" in (tmp_path / "log.jsonl").read_text()


def test_two_sets_with_one_definition_have_a_head_each(sets, log):
    people, _ = sets
    twin = replace(people, name="twin")
    made = adapt(people, [twin], None, TINY, quick(), log)
    images = torch.rand(1, 3, 64, 64)
    assert not torch.equal(made.model(images, "people").mean, made.model(images, "twin").mean)


@pytest.mark.parametrize("augment", ["moderate", "paper"])
def test_a_training_warns_of_the_sets_that_it_does_not_mirror(sets, log, tmp_path, augment):
    people, objects = sets
    unpaired = replace(objects.definition, mirror=tuple(range(len(objects.definition.landmarks))))
    bare = replace(objects, name="bare", definition=unpaired)
    midline = replace(objects, name="midline", definition=replace(unpaired, symmetric=True))
    plan = Plan(QUICK.changed(augment=augment), Budget(steps=2), weights="none")
    made = train([bare, people, midline], TINY, plan, log)
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    told = [event["message"] for event in events if "mirror" in event.get("message", "")]
    assert [words.split(":")[0] for words in told] == (["bare"] if augment == "moderate" else [])
    assert all("found no mirror pairs, so its pictures are not mirrored" in words for words in told)
    made.save(tmp_path / "run")
    heads = checkpoint.load(tmp_path / "run").model.definitions
    assert heads == {"bare": bare.definition, "people": people.definition, "midline": midline.definition}


@pytest.mark.parametrize("name", ["default", "paper", "tiny"])
def test_every_preset_trains(sets, log, name):
    model = PRESETS[name].model.changed(encoder="test_vit", image_size=64, decoder_heads=2, pixel_channels=16)
    settings = PRESETS[name].train.changed(batch_size=4)
    made = train([sets[1]], model, Plan(settings, Budget(steps=2), weights="none"), log)
    assert np.isfinite(made.history.heldout["nme"])


def test_transfer_trains_on_the_target_alone_from_the_encoder_and_decoder_of_the_base(sets, log, tmp_path):
    people, objects = sets
    paper = PRESETS["paper"]
    config = paper.model.changed(encoder="test_vit", image_size=64)
    plan = Plan(paper.train.changed(batch_size=4), Budget(steps=1), weights="none")
    train([people], config, plan, log).save(tmp_path / "base")
    base, start = checkpoint.load(tmp_path / "base"), checkpoint.load(tmp_path / "base").model.state_dict()
    made = adapt(objects, [], base, config, plan, log)
    assert made.target == "objects"
    assert made.history.faces.keys() == {"objects"}
    learned = made.model.state_dict()
    for name, before in start.items():
        moved = float((learned[name] - before).abs().max())
        if name.startswith("heads.0."):  # the head of the base is neither used nor changed
            assert moved == 0
        else:  # the first step of Adam moves a weight by the learning rate
            assert moved == pytest.approx(1e-4, rel=0.05), name
    assert learned.keys() - start.keys() == {n for n in learned if n.startswith("heads.1.")}


def moved(before, after):
    """The names of the weights that have changed."""
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize(
    ("start", "stem", "frozen"),
    [("none", "patch", 0), ("file", "patch", 3), ("file", "early_convolutions", 0), ("base", "patch", 3)],
)
def test_only_trained_blocks_are_frozen(sets, log, tmp_path, start, stem, frozen):
    people, objects = sets
    config = TINY.changed(stem=stem, encoder_depth=4)
    torch.manual_seed(7)
    base = checkpoint.Checkpoint(build(config, {"people": people.definition}), "people") if start == "base" else None
    file = tmp_path / "weights.safetensors"
    save_file(Encoder("test_vit", 64).backbone.state_dict(), file)
    plan = quick(1)
    plan = replace(plan, train=plan.train.changed(frozen_blocks=3), weights=str(file) if start == "file" else "none")
    torch.manual_seed(plan.seed)
    model = base.model if base else MDMD(config)
    start_encoder(model, plan.weights, log)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = moved(before, adapt(objects, [], base, config, plan, log).model.state_dict())
    still = [name for name in before if name.startswith("encoder.") and name not in changed]
    heights = {model.encoder.depth_of(name.removeprefix("encoder.")) for name in still}
    assert heights == (set(range(frozen + 1)) if frozen else set())


def test_batch_statistics_are_updated_after_an_evaluation(sets, log):
    people, objects = sets
    config = TINY.changed(encoder="test_resnet")
    base = train([people], config, quick(1), log)  # evaluated on its held-out faces, and again to initialize a head
    before = {name: value.clone() for name, value in base.model.state_dict().items() if "running_" in name}
    assert before
    assert moved(before, adapt(objects, [], base, config, quick(1), log).model.state_dict()) == before.keys()


def inherited(folder):
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [e["head"] for e in events if e["event"] == "inherited"]


def test_a_head_with_another_definition_is_new_and_a_trained_source_head_is_kept(sets, log, tmp_path):
    people, objects = sets
    first = adapt(objects, [people], None, TINY, quick(), log)
    assert inherited(tmp_path) == []
    things = replace(objects, name="things")
    second = adapt(things, [people, objects], first, TINY, quick(), log)
    assert inherited(tmp_path) == ["things"]
    assert set(second.calibrations) == {"things"}
    names = tuple(f"{name}_too" for name in objects.definition.landmarks)
    other = replace(objects, definition=replace(objects.definition, landmarks=names))
    third = adapt(people, [other], second, TINY, quick(), log)
    assert inherited(tmp_path) == ["things", "people", "objects"]
    assert set(third.calibrations) == {"people"}


def test_a_new_head_of_the_same_name_starts_from_the_old_one(sets, log, tmp_path):
    people, objects = sets
    base = adapt(objects, [], None, TINY, quick(), log)
    again = adapt(objects, [replace(people, name="objects-2")], base, TINY, quick(), log)
    assert inherited(tmp_path) == ["objects", "objects-2"]
    assert list(again.model.definitions) == ["objects", "objects-2"]
    folds = adapt(objects, [], again, TINY, quick(folds=2), log)
    assert set(folds.model.definitions) == {"objects", "objects-2"}
    renamed = build(TINY.changed(tokens="landmark"), {"a": people.definition, "b": objects.definition})
    before = renamed(torch.zeros(1, 3, 64, 64), "b").mean
    renamed.rename_head("a", "c")
    renamed.drop_head("c")
    assert list(renamed.definitions) == ["b"]
    assert torch.equal(renamed(torch.zeros(1, 3, 64, 64), "b").mean, before)


def test_images_held_out_in_one_set_are_not_used_in_another(sets, log, tmp_path):
    _, objects = sets
    adapt(objects, [replace(objects, name="same")], None, TINY, quick(), log)
    [start] = [
        event
        for line in (tmp_path / "log.jsonl").read_text().splitlines()
        if (event := json.loads(line))["event"] == "start"
    ]
    faces = len(objects.split("train"))
    assert start["train_faces"]["same"] == start["train_faces"]["objects"] == faces - start["heldout_faces"] < faces
    first, second = objects.samples[:2]
    assert without_pictures_of([first, second], [replace(second, box=first.box)]) == [first]


def test_test_images_of_one_set_are_not_used_in_another(sets, log):
    people, objects = sets
    same = replace(objects, name="same", samples=tuple(replace(s, split="train") for s in objects.samples))
    for made in (adapt(objects, [same], None, TINY, quick(1), log), train([objects, same], TINY, quick(1), log)):
        assert made.history.faces["same"] <= len(objects.split("train")) < len(same.samples)
    made = adapt(people, [objects, same], None, TINY, quick(1), log)  # a source is not measured
    assert made.history.faces["same"] == len(same.samples)


def test_the_history_contains_the_history_of_the_start(sets, log):
    people, objects = sets
    start = train([people], TINY, quick(1, seed=8), log)
    made = train([objects], TINY, quick(1), log, start=start)
    assert made.history.base == start.history
    assert made.history.base.seed == 8


def test_a_regression_head_starts_at_the_mean_shape_with_unchanged_spread(sets, log):
    _, objects = sets
    config = TINY.changed(head="regression")
    still = Plan(QUICK.changed(learning_rate=1e-12), Budget(steps=1), weights="none", seed=3)
    torch.manual_seed(3)
    fresh = build(config, {"objects": objects.definition})
    made = train([objects], config, still, log).model
    for new, old in zip(made.heads[0].means.networks, fresh.heads[0].means.networks, strict=True):
        torch.testing.assert_close(new[3].weight, old[3].weight)
        assert not torch.allclose(new[3].bias, old[3].bias, atol=0.01)


class Told(MDMD):
    """A network that records its forward passes and when it is moved to the CPU."""

    notes: ClassVar[list[str]] = []

    def forward(self, images, head):
        self.notes.append("answer")
        return super().forward(images, head)

    def cpu(self):
        self.notes.append("cpu")
        return super().cpu()


@pytest.mark.parametrize("folds", [0, 2])
def test_a_network_stays_on_its_device_until_the_last_evaluation(sets, log, folds):
    _, objects = sets
    torch.manual_seed(0)
    Told.notes.clear()
    adapt(objects, [], checkpoint.Checkpoint(Told(TINY), "nobody"), TINY, quick(1, folds=folds), log)
    assert Told.notes.count("cpu") == 1
    assert Told.notes[-1] == "cpu"


class Sweeping(RunLog):
    """A log that deletes all images when the training starts."""

    pictures: tuple[Path, ...] = ()

    def event(self, kind, **fields):
        super().event(kind, **fields)
        if kind == "step":
            for picture in self.pictures:
                picture.unlink(missing_ok=True)


def test_held_out_faces_are_cropped_once(tmp_path):
    objects = read_coco(write_pareidolias(tmp_path / "objects", 6))
    with Sweeping(None, quiet=True) as log:
        log.pictures = tuple(s.path for s in objects.samples)
        assert np.isfinite(train([objects], TINY, quick(1), log).history.heldout["nme"])
    assert not objects.samples[0].path.exists()


def test_faces_are_overfitted_to_below_half_a_pixel(sets, log, tmp_path):
    _, objects = sets
    face = replace(objects, samples=objects.split("train")[:3])
    settings = QUICK.changed(augment="none", heldout_share=0.0, batch_size=3, distance_share=0.5, learning_rate=3e-3)
    made = train([face], TINY, Plan(settings, Budget(steps=80), weights="none"), log)
    made.model.eval()
    store = CropStore(tmp_path / "crops", warn=log.warn)
    cache = FaceCache("objects", face.definition, face.samples, crop_scale=1.4, size=64, store=store)
    batch = cache.batch([0, 1, 2], "none", torch.Generator())
    with torch.inference_mode():
        error = (made.model(batch.images, "objects").mean - batch.points).norm(dim=-1) * 64
    assert float(error.mean()) < 0.5


def test_unlabeled_points_are_masked_and_named(sets, log, tmp_path):
    _, objects = sets
    nose = objects.definition.landmarks.index("nose_tip")

    def without_nose(sample):
        visibility = sample.annotation.visibility.copy()
        visibility[nose] = 0
        points = sample.annotation.points.copy()
        points[nose] = 1e6
        return replace(sample, annotation=Annotation(points, visibility))

    blind = replace(objects, samples=tuple(map(without_nose, objects.samples)))
    made = train([blind], TINY, quick(), log)
    assert np.isfinite(made.history.heldout["nme"])
    assert "found no labels of nose_tip" in (tmp_path / "log.jsonl").read_text()


@pytest.mark.slow
def test_a_landmark_with_one_label_is_not_overconfident(log, tmp_path):
    objects = read_coco(write_pareidolias(tmp_path / "objects", 40))
    nose = objects.definition.landmarks.index("nose_tip")
    faces = []
    for k, face in enumerate(objects.split("train")):
        assert face.annotation is not None
        visibility = face.annotation.visibility.copy()
        visibility[nose] *= k == 0
        faces.append(replace(face, annotation=Annotation(face.annotation.points, visibility)))
    once = replace(objects, samples=tuple(faces))
    settings = PRESETS["tiny"].train.changed(heldout_share=0.0)
    plan = Plan(settings, Budget(steps=400), weights="none")
    made = train([once], TINY.changed(head="regression"), plan, log)
    assert made.history.rarely_labeled == {"nose_tip": 1}
    assert "fewer than 3 labels of nose_tip (1)" in (tmp_path / "log.jsonl").read_text()
    test = objects.split("test")
    found = predict(made.model, test, made.target)
    sigmas = [np.linalg.det(p.covariance) ** 0.25 / face.box.w for p, face in zip(found, test, strict=True)]
    sigma = np.mean(sigmas, axis=0)
    # Trained on its one memorized residual alone, it would get two thirds of the median of the others.
    assert sigma[nose] > 0.8 * np.median(np.delete(sigma, nose))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_faces_are_refused(sets, log, count):
    _, objects = sets
    few = replace(objects, samples=objects.split("train")[:count])
    with pytest.raises(DataError, match=f"found {count} labeled training faces, training needs at least 3"):
        train([few], TINY, quick(), log)


def test_held_out_faces_never_split_a_group_and_never_come_from_test(sets):
    people, _ = sets
    paired = replace(people, samples=tuple(replace(s, group=str(k // 2)) for k, s in enumerate(people.samples)))
    learned, held = split_heldout(paired, 0.25, seed=1)
    assert len(held) >= 2
    assert not {s.group for s in learned} & {s.group for s in held}
    assert all(s.split == "train" for s in (*learned, *held))
    assert len(learned) + len(held) == len(paired.split("train"))


@pytest.mark.parametrize(
    ("groups", "held"),
    [([39, 1], 1), ([20, 20], 20), ([35, 5], 5), ([10, 30], 10), ([33, 7], 0), ([40], 0), ([12, 12, 16], 12)],
)
def test_a_large_group_leaves_faces_for_training(sets, groups, held):
    _, objects = sets
    face = objects.split("train")[0]
    faces = [replace(face, group=str(k)) for k, size in enumerate(groups) for _ in range(size)]
    for seed in range(5):
        learned, out = split_heldout(replace(objects, samples=tuple(faces)), 0.15, seed)
        wanted = 7 if groups == [33, 7] else held  # the smaller group is just larger than the six faces wanted
        assert (len(learned), len(out)) == (sum(groups) - wanted, wanted)


def naming(dataset, count, **change):
    """`dataset`, of whose labeled training faces the first `count` name themselves as held out."""
    named = {id(s) for s in dataset.labeled("train")[:count]}
    samples = [replace(s, split="heldout", **change) if id(s) in named else s for s in dataset.samples]
    return replace(dataset, samples=tuple(samples))


@pytest.mark.parametrize("count", [1, 5])
def test_faces_that_are_named_are_held_out_and_no_other(sets, log, tmp_path, count):
    _, objects = sets
    target = naming(objects, count)
    learned, held = split_heldout(target, 0.15, seed=0)
    assert (learned, held) == (target.labeled("train"), target.split("heldout"))
    assert len(learned) + count == len(objects.labeled("train"))
    twin = replace(objects, name="same")  # the same pictures, none of them named
    out = tmp_path / "heldout.json"
    made = adapt(target, [twin], None, TINY, quick(heldout=out, learn_share=0.5), log)
    assert made.history.faces == {"objects": math.ceil(len(learned) / 2), "same": len(learned)}
    assert made.calibration("objects").faces == made.history.heldout["n"] == count
    assert {face["image_id"] for face in json.loads(out.read_text())["annotations"]} == {s.image_id for s in held}
    rough = "found 1 labeled face in the split 'heldout', wanted at least 3: the error and the ellipses are rough"
    assert (rough in (tmp_path / "log.jsonl").read_text()) == (count == 1)


def test_folds_leave_named_faces_alone(sets, log):
    people, objects = sets
    target = naming(objects, 4)
    made = adapt(target, [replace(objects, name="same"), people], None, TINY, quick(steps=2, folds=2), log)
    learned = len(target.labeled("train"))
    assert made.history.faces["objects"] == made.history.faces["same"] == made.calibration("objects").faces == learned


def test_a_fold_that_leaves_a_source_no_face_is_refused_before_the_training(sets, log, tmp_path):
    _, objects = sets
    learned = objects.labeled("train")
    part = folds_of(learned, 2, seed=0)[0]
    few = replace(objects, name="few", samples=tuple(learned[k] for k in part))
    with pytest.raises(DataError, match="few: all its pictures are held out or tested in another set, so none is left"):
        adapt(objects, [few], None, TINY, quick(1, folds=2), log)
    assert '"event": "start"' not in (tmp_path / "log.jsonl").read_text()


def test_named_faces_that_were_accepted_unseen_are_not_used(sets, log, tmp_path):
    _, objects = sets
    target = naming(objects, 2, unseen=True)
    made = adapt(target, [], None, TINY, quick(), log)
    assert made.history.faces["objects"] == len(target.labeled("train"))
    assert made.calibration("objects") == Calibration()
    said = (tmp_path / "log.jsonl").read_text()
    assert "2 of 2 faces in the split 'heldout' have labels accepted unseen and are not used" in said
    assert "objects: no face could be held out" in said


def test_a_group_that_is_learned_from_cannot_be_held_out(sets):
    _, objects = sets
    target = naming(replace(objects, samples=tuple(replace(s, group=s.group[:1]) for s in objects.samples)), 2)
    with pytest.raises(DataError, match=r"labeled faces of the group .* in the splits 'train' and 'heldout', wanted"):
        split_heldout(target, 0.15, seed=0)
    source = replace(target, name="source")
    adapt(objects, [source], None, TINY, quick(steps=1), RunLog(None, quiet=True))  # nothing of a source is held out


def test_a_set_that_holds_out_no_face_gets_a_warning(sets, log, tmp_path, caplog):
    _, objects = sets
    one = replace(objects, samples=tuple(replace(s, group="one") for s in objects.samples))
    made = adapt(one, [], None, TINY, quick(), log)
    assert "objects: no face could be held out, so no error is measured" in (tmp_path / "log.jsonl").read_text()
    assert made.calibrations == {}
    made.save(tmp_path / "run")
    made.calibrations["objects"] = Calibration()  # as earlier versions wrote it
    for model in (Model(checkpoint.load(tmp_path / "run"), "run"), Model(made, "run")):
        caplog.clear()
        assert model.calibrated(None) == ("objects", Calibration())
        assert "head 'objects' was not calibrated on held-out faces" in caplog.text


@pytest.mark.parametrize(("faces", "count"), [(1, 0), (2, 1), (100, 15), (400, 60), (3148, 60)])
def test_a_share_is_held_out_but_no_more_than_sixty(faces, count):
    assert heldout_count(faces, 0.15) == count
    assert heldout_count(faces, 0.0) == 0


def test_an_epoch_shows_every_face_once():
    stream = epochs(10, 4, torch.Generator().manual_seed(0))
    seen = [k for _ in range(5) for k in next(stream)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))


@pytest.mark.parametrize(("share", "expected"), [(None, [1 / 3, 1 / 3, 1 / 3]), (0.75, [0.75, 0.125, 0.125])])
def test_batches_come_uniformly_from_the_sets_or_mostly_from_the_target(share, expected):
    generator = torch.Generator().manual_seed(0)
    drawn = np.bincount([draw_set(3, share, generator) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(drawn, expected, atol=0.03)
    assert draw_set(1, share, generator) == 0


def test_steps_are_drawn_with_the_targets_share():
    drawn = [draw.which for draw, _ in zip(draws([10, 10, 10], 2, 0.75, seed=0), range(2000), strict=False)]
    np.testing.assert_allclose(np.bincount(drawn) / 2000, [0.75, 0.125, 0.125], atol=0.04)


@pytest.mark.parametrize(
    ("full", "expected"),
    [(None, 0.75), (108, 0.75), (10_000, 0.75), (54, 0.875), (27, 0.9375)],
)
def test_more_labeled_points_of_the_target_lower_the_share_of_the_sources(sets, full, expected):
    target = replace(sets[1], samples=tuple(replace(s, split="train") for s in sets[1].samples))  # 12 faces, 9 points
    assert share_of_target(target, QUICK.changed(target_share=0.75, full_source_points=full)) == expected
    assert share_of_target(target, QUICK.changed(target_share=None, full_source_points=full)) is None


def test_a_share_of_the_points_counts_as_a_smaller_target(sets):
    target = replace(sets[1], samples=tuple(replace(s, split="train") for s in sets[1].samples))  # 12 faces, 9 points
    settings = QUICK.changed(target_share=0.75, full_source_points=27)
    assert share_of_target(target, settings) == 0.9375
    assert share_of_target(target, settings, 0.5) == 0.875
    assert share_of_target(target, settings, 0.25) == 0.75


@pytest.mark.parametrize(("share", "count"), [(0.25, 5), (0.5, 10), (0.51, 11), (0.07, 3), (0.01, 3), (1.0, 20)])
def test_a_share_of_the_faces_is_rounded_up_and_the_smaller_is_within_the_larger(sets, share, count):
    faces = tuple(replace(sets[0].samples[0], file_name=str(k)) for k in range(20))
    chosen = [int(s.file_name) for s in some_of(faces, share, seed=3)]
    assert (len(chosen), chosen) == (count, sorted(set(chosen)))
    assert set(chosen) <= {int(s.file_name) for s in some_of(faces, min(1.0, share + 0.25), seed=3)}
    assert share == 1 or chosen != [int(s.file_name) for s in some_of(faces, share, seed=4)]


def test_rounding_adds_no_face_to_a_share_of_a_hundred(sets):
    assert len(some_of(sets[0].samples[:1] * 100, 0.07, seed=0)) == 7
    assert some_of(sets[0].samples[:2], 0.5, seed=0) == sets[0].samples[:2]


@pytest.mark.parametrize("beside", [True, False])
def test_a_training_on_a_share_of_the_faces_has_the_same_held_out_faces(sets, log, tmp_path, beside):
    people, objects = sets
    sources = [people] if beside else []
    learned, held = [], []
    for share in (1.0, 0.5):
        told = tmp_path / f"{share}.json"
        made = adapt(objects, sources, None, TINY, quick(heldout=told, learn_share=share), log)
        learned.append(made.history.faces)
        held.append([face["id"] for face in json.loads(told.read_text())["annotations"]])
        assert made.calibration("objects").faces == len(held[-1])
    assert held[0] == held[1]
    assert len(held[0]) == 2  # of ten training faces
    assert [faces["objects"] for faces in learned] == [8, 4]
    assert not beside or learned[0]["people"] == learned[1]["people"]


def test_fewer_faces_leaves_other_splits(sets):
    people, _ = sets
    few = fewer_faces(people, 4, seed=0)
    assert len(few.split("train")) == 4
    assert few.split("test") == people.split("test")
    with pytest.raises(DataError, match="found 10 labeled training faces, wanted 99"):
        fewer_faces(people, 99, seed=0)


def test_budgets_end_their_schedule():
    assert Budget(steps=50).share(50, 1e9) == 1
    assert Budget(minutes=2).share(1, 60) == 0.5
    for config in (TrainConfig(), TrainConfig(decay="linear", warmup_share=0.0)):
        rates = [learning_rate_factor(s, config) for s in np.linspace(0, 1, 101)]
        assert rates[-1] == pytest.approx(0, abs=1e-9)
        assert max(rates) == pytest.approx(1, abs=0.05)
    for bad in ({}, {"steps": 1, "minutes": 1}, {"steps": 0}, {"minutes": -1}, {"minutes": math.inf}):
        with pytest.raises(DataError, match="budget"):
            Budget(**bad)
