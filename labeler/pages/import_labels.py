"""The form on the Project page that brings in labels of another tool: look, match landmarks, import, take back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.errors import NotFoundError
from labeler.html.markup import plural, render
from labeler.pages.import_plan import plan_html, told_names, with_groups
from labeler.pages.labels_offer import imported_html
from labeler.pages.picture_places import named_place
from labeler.pages.question import Question
from labeler.pages.request import QUIETLY, errors_as_messages, field_problem, open_project, wanted_project
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.storage.imports import Import
from mdmd.datasets.incoming import Incoming, incoming
from mdmd.datasets.matching import exactly
from mdmd.errors import DataError
from mdmd.files import parse_json
from mdmd.formats.archive import is_archive
from mdmd.formats.known import FORMATS

PLACE, PICTURES, LEAVE_OUT, TAKE_BACK = "import-place", "import-pictures", "import-leave-out", "import-take-back"
FOUND = ""
TOLD = "told"
COUNTS = [("the file says", TOLD), ("0, the corner of the picture", "zero"), ("1, as menpo and MATLAB do", "one")]
#: The option that a reader asks for where a file does not say from what its coordinates count.
ONE_BASED = "--one-based"
KEEP, REPLACE = "keep", "replace"
#: How many imports are shown at once, and how many names a question lists.
NEWEST, LISTED = 3, 6
#: JavaScript of the list of imports: says whose button was pressed.
PRESSED = (
    "element.addEventListener('click', ({ target }) => { const button = target.closest('[data-import]');"
    " if (button) trigger('click', { number: button.dataset.import }); });"
)
#: JavaScript after an event that asks: scrolls to the question with the id %s, once it is drawn.
TO_QUESTION = (
    "() => requestAnimationFrame(() => requestAnimationFrame(() =>"
    " document.getElementById('%s')?.scrollIntoView({ block: 'nearest' })))"
)
#: JavaScript before the import: the match as it stands on the page (`project/matching.js`) in place of the last input,
#: and %s for what may be left out.
WITH_MATCH = "(...given) => [...given.slice(0, -2), %s, document.querySelector('.import-plan')?.dataset.match ?? '{}']"
#: What `project/matching.js` fills with a sentence on what is left out.
LEFT = Markup('<p class="import-left" role="status"></p>')


class ImportForm:
    """The components of the form. `changes` are the events after which the project holds something else."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        with (
            gr.Column(visible=False, elem_classes=["card"]) as self.frame,
            gr.Accordion("Labels of another tool", open=False),
        ):
            titles = ", ".join(form.title for form in FORMATS)
            gr.HTML(f"<p>{titles}. What it is, is found by its content.</p>", padding=False)
            self.files = gr.File(
                file_count="multiple", label="Upload labels, with their pictures or in one .zip", height="8.75rem"
            )
            self.place = gr.Textbox(
                label="or a file or folder on this machine", placeholder="/home/me/macaques/labels", elem_id=PLACE
            )
            self.place_problem = gr.HTML(padding=False)
            self.pictures = gr.Textbox(
                label="Folder of the pictures, if they lie elsewhere",
                placeholder="/home/me/pictures/macaques",
                elem_id=PICTURES,
            )
            self.pictures_problem = gr.HTML(padding=False)
            self.form = gr.Dropdown(
                [("found by its content", FOUND), *((form.title, form.name) for form in FORMATS)],
                value=FOUND,
                label="Format of the labels",
            )
            self.counts = gr.Dropdown(COUNTS, value=TOLD, label="The first pixel is", visible=False)
            self.predictions = gr.Checkbox(
                label="A model made the points: propose them for review, as no labels", value=False
            )
            self.look = gr.Button("Look at the labels", variant="secondary")
            self.plan = gr.HTML(padding=False)
            self.labeled = gr.Radio(
                [("Labels that are there stay", KEEP), ("The labels of the file replace them", REPLACE)],
                value=KEEP,
                label="Pictures that have labels",
                visible=False,
            )
            self.left = gr.HTML(padding=False)
            self.bring = gr.Button("Import", variant="primary", visible=False)
            self.leaving = Question("Import the others", removes=False, no="Do not import yet", elem_id=LEAVE_OUT)
            self.report = gr.HTML(padding=False)
            self.imports = gr.HTML(padding=False, js_on_load=PRESSED)
            self.question = Question("Take it back", removes=True, elem_id=TAKE_BACK)
        # What was looked at, the names that may be left out, the match, and the import that is asked about.
        looked, left_out, match, asked = (gr.Textbox(visible=False) for _ in range(4))
        read = [self.files, self.place, self.pictures, self.form, self.counts, self.predictions]
        #: The outputs of `forget`.
        self.looked_at = [self.plan, self.labeled, self.left, self.bring, *self.leaving.parts]
        planned = [self.place_problem, self.pictures_problem, self.counts, *self.looked_at, self.report]
        #: The outputs of `show`.
        self.shown = [self.frame, self.imports]
        self.looked = self.look.click(self.do_look, read, [*planned, looked], show_progress="hidden")
        gr.on(
            [
                *(self.files.upload, self.files.clear, self.files.delete),
                *(self.place.input, self.pictures.input, self.form.input, self.counts.input, self.predictions.input),
            ],
            self.forget,
            None,
            self.looked_at,
            **QUIETLY,
        )
        pressed = self.imports.click(self.ask, None, [asked, *self.question.parts], **QUIETLY)
        pressed.success(None, None, None, js=TO_QUESTION % TAKE_BACK)
        told = [*read, self.labeled, looked, left_out, match]
        brought = [*planned, self.files, self.place, self.pictures, left_out]
        imported = self.bring.click(self.do_import, told, brought, js=WITH_MATCH % "''")
        imported.success(None, None, None, js=TO_QUESTION % LEAVE_OUT)
        self.changes = (
            imported,
            self.leaving.sure.click(self.do_import, told, brought, js=WITH_MATCH % "given.at(-2)"),
            self.question.sure.click(self.do_take_back, asked, [self.report, *self.question.parts]),
        )

    def show(self, request: gr.Request) -> tuple[object, ...]:
        """Updates of `shown`."""
        project = open_project(self.workspace, request)
        return gr.update(visible=project is not None), Markup() if project is None else imports_html(project)

    def forget(self) -> tuple[object, ...]:
        """What was looked at is not what would come in any more."""
        hidden = gr.update(visible=False)
        return Markup(), hidden, Markup(), hidden, *Question.closed()

    @errors_as_messages
    def do_look(
        self,
        files: list[str] | None,
        place: str | None,
        pictures: str | None,
        form: str,
        counts: str,
        predictions: bool,
        request: gr.Request,
    ) -> tuple[object, ...]:
        """Say what would come in."""
        project = wanted_project(self.workspace, request)
        try:
            with _found(files, place, pictures, form, counts, predictions) as (found, name):
                found = project.importer.located(found)
                there = project.importer.foreseen(found, folder=named_place(pictures))
                plan = plan_html(found, project.definition or found.definition, name, there.words())
        except _PlaceError as error:
            return *self._problems(error), *self.forget(), Markup(), ""
        seen = _named(files, place, pictures, form, counts, predictions)
        has_labels, shown = gr.update(visible=there.labeled > 0), gr.update(visible=True)
        return Markup(), Markup(), gr.skip(), plan, has_labels, LEFT, shown, *Question.closed(), Markup(), seen

    @errors_as_messages
    def do_import(
        self,
        files: list[str] | None,
        place: str | None,
        pictures: str | None,
        form: str,
        counts: str,
        predictions: bool,
        labeled: str,
        looked: str | None,
        left_out: str | None,
        match: str | None,
        request: gr.Request,
    ) -> tuple[object, ...]:
        """Import what was `looked` at. Names with points that the match leaves out are asked about once: `left_out`."""
        project = wanted_project(self.workspace, request)
        kept = gr.skip(), gr.skip(), gr.skip()
        try:
            if looked != _named(files, place, pictures, form, counts, predictions):
                raise _PlaceError(PLACE, "these are other labels than those that were looked at: look at them first")
            with _found(files, place, pictures, form, counts, predictions) as (found, name):
                own, pairs = project.definition or found.definition, _pairs(match)
                if own is None:
                    found, chosen = with_groups(found, pairs, project.name), None
                else:
                    chosen = exactly(found.landmarks, own, found.where, pairs)
                    told = told_names(found)
                    left = [name for name in found.landmarks if name in told and name not in pairs.values()]
                    if left and json.dumps(left) != left_out:
                        asked = Question.asked(render("leave_out.html", words=left_out_words(left)))
                        return *(gr.skip() for _ in range(7)), *asked, gr.skip(), *kept, json.dumps(left)
                folder = named_place(pictures)
                report = project.bring_in(found, match=chosen, folder=folder, replace_labels=labeled == REPLACE)
        except _PlaceError as error:
            return *self._problems(error), *self.forget(), Markup(), *kept, ""
        said = imported_html(report, Path(name))
        return Markup(), Markup(), gr.skip(), *self.forget(), said, None, "", "", ""

    def _problems(self, error: _PlaceError) -> tuple[object, ...]:
        """Updates of the messages at the fields and of the choice that a reader asks for."""
        asks = gr.update(visible=True) if isinstance(error, _CountError) else gr.skip()
        place = None if error.field == PICTURES else error
        return field_problem(PLACE, place), field_problem(PICTURES, error if place is None else None), asks

    @errors_as_messages
    def ask(self, event: gr.EventData, request: gr.Request) -> tuple[object, ...]:
        """Ask whether to take back the import whose button was pressed."""
        number = number_of(_pressed(event))
        one = wanted_project(self.workspace, request).store.imports.get(number)
        if one is None:
            raise NotFoundError(f"there is no import {number} in this project")
        words = f"{one.name} ({one.title}), {when(one)}: {brought(one)}"
        asked = render("take_back.html", number=number, words=words, added=one.pictures)
        return str(number), *Question.asked(asked)

    @errors_as_messages
    def do_take_back(self, asked: str | None, request: gr.Request) -> tuple[object, ...]:
        """Take back the import that was asked about."""
        project = wanted_project(self.workspace, request)
        try:
            taken = project.take_back_import(number_of(asked))
        except DataError as error:  # another window took it back: the list shows that
            return render("note.html", sentence=str(error), tone="warning"), *Question.closed()
        sentence = f"Import {taken.what.id}, of {taken.what.name}, was taken back. {' '.join(taken.sentences)}"
        return render("note.html", sentence=sentence, tone="good"), *Question.closed()


def _pressed(event: gr.EventData) -> object:
    """The number that a button sends with its event; None in a request that no button sends."""
    try:
        return event.number
    except (AttributeError, TypeError):
        return None


def left_out_words(names: Sequence[str]) -> str:
    """ "2 names of the file have points, but no landmark: ear_left, ear_right."."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    has = "has" if len(names) == 1 else "have"
    return f"{plural(len(names), 'name')} of the file {has} points, but no landmark: {', '.join(names[:LISTED])}{more}."


def imports_html(project: Project) -> Markup:
    """The imports that can be taken back, newest first, each with its button; empty if there are none."""
    imports = [one for one in project.store.imports.all() if one.taken_back is None]
    if not imports:
        return Markup()
    rows = [
        {"id": one.id, "name": one.name, "title": one.title, "when": when(one), "brought": brought(one)}
        for one in imports
    ]
    return render("imports.html", imports=rows, newest=NEWEST)


def when(one: Import) -> str:
    """The minute of an import."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))


def brought(one: Import) -> str:
    """ "12 new pictures, labels on 12 faces"."""
    said = [plural(one.pictures, "new picture")] if one.pictures else []
    said += [f"labels on {plural(one.labeled, 'face')}"] if one.labeled else []
    said += [f"proposals on {plural(one.proposed, 'face')}"] if one.proposed else []
    return ", ".join(said) or "nothing is left of it"


def number_of(asked: object) -> int:
    """The number of an import as the page sends it; 0, which no import has, for anything else."""
    return int(asked) if isinstance(asked, str) and asked.isdecimal() and len(asked) < 16 else 0


class _PlaceError(DataError):
    """What is wrong with the labels that were named, to be said at the `field`."""

    def __init__(self, field: str, error: DataError | str) -> None:
        super().__init__(str(error))
        self.field = field


class _CountError(_PlaceError):
    """From what the coordinates count must be chosen, or must not: `counts` is what was."""

    def __init__(self, counts: str) -> None:
        said = "these files do not say from what their coordinates count: choose it under “The first pixel is”"
        if counts != TOLD:
            said = "these files say from what their coordinates count: set “The first pixel is” to “the file says”"
        super().__init__(PLACE, said)


def _named(
    files: Sequence[str] | None, place: str | None, pictures: str | None, form: str, counts: str, predictions: bool
) -> str:
    """What the fields name, as one word."""
    return json.dumps([files or [], place or "", pictures or "", form, counts, predictions])


@contextmanager
def _found(
    files: Sequence[str] | None, place: str | None, pictures: str | None, form: str, counts: str, predictions: bool
) -> Iterator[tuple[Incoming, str]]:
    """What the fields name, and what to call it. Raises _PlaceError."""
    with tempfile.TemporaryDirectory(prefix="labeler-") as made:
        try:
            folder = named_place(pictures)
        except NotFoundError as error:
            raise _PlaceError(PICTURES, error) from None
        source: Path | None = None
        try:
            source = named_place(place)
            if source is None and files:
                source = _gathered([Path(file) for file in files], Path(made) / "uploads")
            if source is None:
                raise DataError("upload labels, or name a file or folder on this machine")
            found = incoming(
                source,
                name=form or None,
                pictures=folder,
                one_based={"zero": False, "one": True}.get(counts),
                unpacked=Path(made) / "unpacked",
                as_predictions=predictions,
            )
        except DataError as error:
            if ONE_BASED in str(error):
                raise _CountError(counts) from None
            # Where the server keeps an upload says nothing to the person.
            raise _PlaceError(PLACE, str(error).replace(str(source), source.name) if source else error) from None
        name = found.where if place or len(files or []) == 1 else plural(len(files or []), "uploaded file")
        yield found, name


def _pairs(match: str | None) -> dict[str, str]:
    """The match as the page sends it, of landmarks with those of the file or with groups. Raises DataError."""
    pairs = parse_json(match or "{}", "the match of landmarks is not JSON")
    if not isinstance(pairs, dict) or not all(isinstance(name, str) for pair in pairs.items() for name in pair):
        raise DataError("the match of landmarks is not one of names with names: look at the labels again")
    return pairs


def _gathered(files: Sequence[Path], folder: Path) -> Path:
    """Uploaded files in one folder, as they lay before; a single file stays where it is."""
    if len(files) == 1:
        return files[0]
    if any(is_archive(file) for file in files):
        raise DataError("upload a .zip file by itself, with the pictures in it")
    folder.mkdir()
    for file in files:
        try:
            os.link(file, folder / file.name)
        except FileExistsError:
            raise DataError(f"two uploaded files are named {file.name}: upload their folder as a .zip") from None
        except OSError:
            shutil.copyfile(file, folder / file.name)
    return folder
