"""The actions on a whole project: progress, pictures, definition. Results are JSON-serializable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from labeler.errors import ConflictError
from labeler.guidance.progress import Standing
from labeler.project import definition as definitions
from labeler.project.project import Project
from labeler.project.reference import label_reference
from labeler.runs.housekeeping import must_not_run, remove_picture
from mdmd.data.definition import GROUPS


class ProjectActions:
    """The overview, the pictures and the definition of one project."""

    def __init__(self, project: Project) -> None:
        self.project, self.store = project, project.store

    def overview(self) -> dict[str, Any]:
        """The project: name and identity, progress, settings, newest definition.

        `seconds_a_face` is a median, None if too few faces are done. `warnings` say in sentences what is wrong with the
        stored labels, and `read_only` whether they cannot be written.
        """
        return {
            "name": self.project.name,
            "id": self.store.identity,
            "progress": asdict(self.project.progress()),
            "seconds_a_face": self.project.index.seconds_a_face(),
            "settings": asdict(self.project.settings),
            "definition": self.definition()["category"],
            "warnings": self.project.safekeeping.warnings,
            "read_only": self.project.read_only is not None,
        }

    def pictures(self) -> list[dict[str, Any]]:
        """All pictures in the order in which they were added, each with the status of its faces."""
        faces: dict[int, list[Standing]] = {}
        for face in self.project.index.standings():
            faces.setdefault(face.picture, []).append(face)
        return [
            {
                "id": picture.id,
                "name": picture.name,
                "width": picture.width,
                "height": picture.height,
                "faces": [
                    {
                        "id": s.face,
                        "state": s.state,
                        "labeled": s.labeled,
                        "visible": s.visible,
                        "of": s.of,
                        "flagged": s.flagged,
                        "unseen": s.unseen,
                        "skip": s.skip,
                    }
                    for s in faces.get(picture.id, [])
                ],
            }
            for picture in self.store.images()
        ]

    def removal(self, picture_id: int) -> dict[str, Any]:
        """What removing a picture would do besides: `reference` says that the definition is shown on it.

        Raises NotFoundError, and ConflictError while a run of the project is active.
        """
        picture = self.store.image(picture_id)
        must_not_run(self.project)
        saved = self.store.definitions.newest()
        reference = saved.reference if saved else None
        return {"reference": bool(reference and reference.get("picture") == picture.id)}

    def remove_picture(self, picture_id: int) -> dict[str, Any]:
        """Remove a picture with its faces and labels; returns the trash folder, from which it can be put back.

        Raises ConflictError while a run of the project is active.
        """
        remove_picture(self.project, picture_id)
        return {"trash": str(self.project.trash.folder)}

    def open_landmarks(self) -> dict[str, list[int]]:
        """By face id, the number of landmarks without a label in each of the 12 groups."""
        definition, labels = self.project.definition, self.project.index.labels()
        groups = dict(zip(definition.ids, definition.groups, strict=True)) if definition else {}
        found = {}
        for face, points in labels.items():
            left = [len(members) for members in definition.members] if definition else [0] * len(GROUPS)
            for key in points:
                if key in groups:
                    left[groups[key]] -= 1
            found[str(face)] = left
        return found

    def definition(self) -> dict[str, Any]:
        """The newest definition and its reference picture (None and version 0 if there is none), and the templates."""
        saved = self.store.definitions.newest()
        return {
            "category": saved.category if saved else None,
            "reference": self._present(saved.reference) if saved else None,
            "version": saved.version if saved else 0,
            "templates": definitions.templates(),
        }

    def check_definition(self, category: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """The problems that prevent saving `category`, and the cautions that do not, each with its landmarks."""
        return {
            "problems": [problem._asdict() for problem in definitions.problems(category, self.store.definitions.all())],
            "cautions": [caution._asdict() for caution in definitions.cautions(category)],
        }

    def definition_effect(self, category: Mapping[str, Any]) -> dict[str, Any]:
        """The effect of saving `category` on existing labels; see `definitions.Effect`."""
        points = self.store.points()
        labeled = [points.get(face.id, {}) for face in self.store.faces()]
        return asdict(definitions.effect(category, self.project.index.ids, labeled))

    def definition_versions(self) -> list[dict[str, Any]]:
        """All versions, newest first: number, time in Unix seconds, category, reference."""
        versions = reversed(self.store.definitions.all())
        return [{**asdict(saved), "reference": self._present(saved.reference)} for saved in versions]

    def _present(self, reference: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """`reference`, or None if its picture was removed."""
        there = {picture.id for picture in self.store.images()}
        return reference if reference is not None and reference["picture"] in there else None

    def save_definition(
        self,
        category: Mapping[str, Any],
        reference: Mapping[str, Any] | None,
        *,
        version: int,
        annotator: str | None = None,
    ) -> dict[str, Any]:
        """Save a new version edited from `version`. The points on its reference picture become labels of that face.

        Raises DefinitionError if it is not valid, and ConflictError if `version` is not the newest.
        """
        versions = self.store.definitions.all()
        newest = versions[-1].version if versions else 0
        if version != newest:
            raise ConflictError(
                f"the definition is at version {newest} by now, this edit started from version {version}"
            )
        last = self.store.definitions.last_landmark()
        complete = definitions.next_category(category, versions, last=last)
        if reference is not None:
            self.store.image(reference["picture"])
            reference = definitions.next_reference(reference, category.get("landmark_ids"), complete["landmark_ids"])
        self.project.safekeeping.before("schema")
        saved = self.store.definitions.save(complete, reference, edited_from=version)
        label_reference(self.store, saved, versions[-1] if versions else None, annotator=annotator)
        return self.definition()
