"""The typed request bodies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat
from pydantic_core import PydanticCustomError

from labeler.guidance.proposals import Start
from labeler.storage.history import Seen
from mdmd.data.definition import LARGEST_ID, MOST_LANDMARKS
from mdmd.data.places import FARTHEST
from mdmd.data.text import text_problem


def _readable(text: str) -> str:
    problem = text_problem(text)
    if problem:
        raise PydanticCustomError("name", "{problem}", {"problem": problem})
    return text


#: Longer lists than a definition has landmarks are refused before any work is done.
MANY = MOST_LANDMARKS
#: More faces than a project holds.
MANY_FACES = 100_000
Name = Annotated[str, AfterValidator(_readable)]
Annotator = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_readable)] | None
Key = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Index = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Pixel = Annotated[FiniteFloat, Field(ge=-FARTHEST, le=FARTHEST)]
Ids = Annotated[list[Key], Field(max_length=MANY)]
Indices = Annotated[list[Index], Field(max_length=MANY)]


class LearningBody(BaseModel):
    on: bool


class PointBody(BaseModel):
    id: Key
    x: Pixel | None = None
    y: Pixel | None = None
    v: Literal[0, 1, 2]


class Signed(BaseModel):
    annotator: Annotator = None


class SeenBody(Signed):
    """The state that an edit is based on: the `revision` of the face, and the sender's `own` actions since.

    `edit` is the sender's name for the edit, which is carried out once however often it arrives.
    """

    revision: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    own: Ids = Field(default_factory=list)
    edit: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_readable)] | None = None

    @property
    def seen(self) -> Seen:
        return Seen(self.revision, self.own, self.edit)


class PointsBody(SeenBody):
    points: Annotated[list[PointBody], Field(min_length=1, max_length=MANY)]
    source: Literal["placed", "dragged", "nudged", "corrected", "moved", "started"] = "placed"


class IdsBody(SeenBody):
    ids: Ids


class AcceptBody(SeenBody):
    """`places` are the predicted points that were on the screen; they become the labels.

    A page of an older version sends no `places`, perhaps only now from the journal that it left: then the newest
    predictions become the labels.
    """

    ids: Ids | None = None
    places: Annotated[dict[Key, tuple[Pixel, Pixel]], Field(max_length=MANY)] | None = None


class BoxBody(SeenBody):
    box: tuple[Pixel, Pixel, Pixel, Pixel]


class ProposalBody(BaseModel):
    start: Start
    known: Annotated[dict[Key, tuple[Pixel, Pixel]], Field(max_length=MANY)] = Field(default_factory=dict)


class SkipBody(SeenBody):
    reason: Annotated[str, Field(max_length=200), AfterValidator(_readable)] | None


class SeenFace(BaseModel):
    face: Key
    revision: Annotated[int, Field(ge=0, lt=2**53)]


class UnseenBody(Signed):
    """Faces to accept unseen, with `revision` and `basis` from the preview."""

    faces: Annotated[list[SeenFace], Field(min_length=1, max_length=MANY_FACES)]
    basis: tuple[int, int, int, int]


class BatchBody(Signed):
    batch: Key


class ProposerBody(BaseModel):
    """What is put in charge of proposing points, by its name."""

    proposer: Annotated[Name, Field(max_length=100)]


class RightBody(Signed):
    """A finding of the label checks to dismiss, or to restore if `right` is false."""

    kind: Literal["mirrored", "order", "outside", "duplicate", "shape", "model"]
    landmarks: Annotated[list[Key], Field(min_length=1, max_length=MANY)]
    right: bool = True


class CategoryBody(BaseModel):
    """A COCO category. Unknown keys are ignored, and `labeler.project.definition` checks the contents."""

    name: Name = "face"
    keypoints: Annotated[list[Name], Field(max_length=MANY)] = Field(default_factory=list)
    flsg: dict[Name, Indices] = Field(default_factory=dict)
    flip_pairs: Annotated[list[Indices], Field(max_length=MANY)] = Field(default_factory=list)
    symmetric: bool = False
    skeleton: Annotated[list[Indices], Field(max_length=MANY)] = Field(default_factory=list)
    normalizer: Literal["box"] | Annotated[list[Index | Indices], Field(max_length=2)] | None = None
    landmark_ids: Annotated[list[Key | None], Field(max_length=MANY)] | None = None


class ReferenceBody(BaseModel):
    picture: Key
    points: Annotated[dict[Name, tuple[Pixel, Pixel]], Field(max_length=MANY)]


class CheckBody(BaseModel):
    category: CategoryBody


class DefinitionTextBody(BaseModel):
    """The text of a file of another tool that holds a definition."""

    file: Name
    text: Annotated[str, Field(max_length=4_000_000)]


class DefinitionBody(CheckBody, Signed):
    reference: ReferenceBody | None = None
    version: int
