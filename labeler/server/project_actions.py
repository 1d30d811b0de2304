"""What the pages show and change of a whole project: progress, pictures, the definition. Answers are ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from labeler.errors import ConflictError
from labeler.guidance.progress import Standing
from labeler.project import definition as schema
from labeler.project.project import Project
from mdmd.data.definition import GROUPS


class ProjectActions:
    """The overviews and the definition of one project."""

    def __init__(self, project: Project) -> None:
        self.project, self.store = project, project.store

    def overview(self) -> dict[str, Any]:
        """The project: how far it is, how long a face takes (None while few are done), settings, newest definition."""
        return {
            "name": self.project.name,
            "progress": asdict(self.project.progress()),
            "seconds_a_face": self.project.index.seconds_a_face(),
            "settings": asdict(self.project.settings),
            "definition": self.definition()["category"],
        }

    def pictures(self) -> list[dict[str, Any]]:
        """All pictures in order of ingestion, each with how far its faces are."""
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

    def open_landmarks(self) -> dict[str, list[int]]:
        """Of every face, by id: how many landmarks of each of the 12 groups have no label yet."""
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
        """The newest definition with its reference picture (None and version 0 before the first), and the templates."""
        saved = self.store.definitions.newest()
        return {
            "category": saved.category if saved else None,
            "reference": saved.reference if saved else None,
            "version": saved.version if saved else 0,
            "templates": schema.templates(),
        }

    def check_definition(self, category: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """What keeps `category` from being saved, and what is merely odd; each with the landmarks it is about."""
        return {
            "problems": [problem._asdict() for problem in schema.problems(category, self.store.definitions.all())],
            "cautions": [caution._asdict() for caution in schema.cautions(category)],
        }

    def definition_effect(self, category: Mapping[str, Any]) -> dict[str, Any]:
        """What saving `category` would do to the labels there are (`schema.Effect`)."""
        points = self.store.points()
        labeled = [points.get(face.id, {}) for face in self.store.faces()]
        return asdict(schema.effect(category, self.project.index.ids, labeled))

    def definition_versions(self) -> list[dict[str, Any]]:
        """Every version there has been, the newest first: number, time (seconds since 1970), category, reference."""
        return [asdict(saved) for saved in reversed(self.store.definitions.all())]

    def save_definition(
        self, category: Mapping[str, Any], reference: Mapping[str, Any] | None, *, version: int
    ) -> dict[str, Any]:
        """Save a new version edited from `version`.

        Raises DefinitionError, and ConflictError when `version` is not the newest.
        """
        versions = self.store.definitions.all()
        newest = versions[-1].version if versions else 0
        if version != newest:
            raise ConflictError(
                f"the definition is at version {newest} by now, this edit started from version {version}"
            )
        complete = schema.next_category(category, versions)
        if reference is not None:
            self.store.image(reference["picture"])
            reference = schema.next_reference(reference, category.get("landmark_ids"), complete["landmark_ids"])
        self.store.definitions.save(complete, reference, edited_from=version)
        return self.definition()
