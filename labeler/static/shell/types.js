// The shapes of data that the pages share, for the type checker. No code: the browser never loads this file.

/** @typedef {[x: number, y: number]} Place  Pixels of the upright picture; (0, 0) is the top-left corner. */
/** @typedef {[x: number, y: number, w: number, h: number]} Box  A rectangle in pixels of the picture. */
/** @typedef {[width: number, height: number]} Size */
/** @typedef {{ x: number, y: number }} Position */
/** @typedef {Record<string, Position>} Positions  By landmark id. */
/** @typedef {Record<string, Place>} Places  By landmark id. */
/** @typedef {"mouse" | "pen" | "touch"} PointerType */

// --- definitions -------------------------------------------------------------------------------------------------------

/**
 * A COCO category as the server sends it. Keypoints are numbered from 0, but from 1 in the skeleton.
 * @typedef {object} Category
 * @property {string} name
 * @property {string[]} keypoints
 * @property {(number | null)[]} [landmark_ids]
 * @property {number} [definition_version]
 * @property {Record<string, number[]>} [flsg]
 * @property {[number, number][]} [flip_pairs]
 * @property {boolean} [symmetric]
 * @property {[number, number][]} [skeleton]
 * @property {"box" | (number | number[])[]} [normalizer]
 */

/**
 * `guessed`: what the program proposed the group from, while no person has chosen it. `pairedByName`: the names made the mirror
 * pair, and no person.
 * @typedef {{ id: string, name: string, group: number, mirror: string | null, guessed?: "place" | "name", pairedByName?: boolean }} Landmark
 */

/**
 * `normalizer`: two sets of landmarks whose means span the normalizing length; null: the box of the face. `symmetric`:
 * there are no pairs, because every landmark lies on the middle line.
 * @typedef {object} Definition
 * @property {string} name
 * @property {Landmark[]} landmarks
 * @property {[string, string][]} edges
 * @property {string[][] | null} normalizer
 * @property {boolean} symmetric
 * @property {Partial<Category>} category
 */

/**
 * A definition that is being edited. `places` are pixels of the reference picture.
 * @typedef {Definition & { places: Places, picture: number | null }} Draft
 */

/** @typedef {{ picture: number, points: Places }} Reference  The reference picture's id and points. */
/** @typedef {{ image: HTMLImageElement, points: Places, size: Size }} LoadedReference */

/** `landmarks`: by their index; `key`: of the category, where it is about no landmark. @typedef {{ text: string, landmarks: number[], key?: string }} DefinitionFinding */

/** Problems keep a definition from being saved; cautions do not. @typedef {{ problems: DefinitionFinding[], cautions: DefinitionFinding[] }} DefinitionFindings */

/**
 * @typedef {object} SavedDefinition
 * @property {number} version  0: none has been saved.
 * @property {SavedCategory | null} category
 * @property {Reference | null} reference
 * @property {Template[]} templates
 */

/** @typedef {{ name: string, title: string, landmarks: number }} Template */
/** @typedef {{ version: number, at: number, category: SavedCategory, reference: Reference | null }} DefinitionVersion */
/** @typedef {Category & { landmark_ids: number[] }} SavedCategory */

// --- faces -------------------------------------------------------------------------------------------------------------

/** @typedef {0 | 1 | 2} Visibility  Absent, hidden, visible. */
/** @typedef {{ x: number, y: number, v: 1 | 2, source?: string }} PlacedPoint */
/** @typedef {{ x: null, y: null, v: 0, source?: string }} AbsentPoint */
/** @typedef {PlacedPoint | AbsentPoint} Point  A label. */
/** @typedef {[sxx: number, sxy: number, syy: number]} Covariance */

/**
 * `radius90`: standard deviations that the ellipse of 90 % probability reaches; `p_off`: the probability of an error
 * above the project's tolerance; `flagged`: doubtful, to be reviewed.
 * @typedef {{ x: number, y: number, cov: Covariance, radius90: number, p_off: number, flagged: boolean }} Prediction
 */

/**
 * What made the predictions of a face: points carried over from the labels of so many faces, or the round, run or import
 * of that number.
 * `measured`: whether it is known how far they may be off. If not, none is flagged.
 * @typedef {{ kind: "carried" | "round" | "run" | "import", number: number, measured: boolean }} Proposer
 */

/**
 * What a flag means, in sentences. `expected`: what the flags are expected to do; `why`: why the threshold is what it is;
 * both may be empty. `threshold`: the probability above which a point is flagged; null: none is. An error above
 * `tolerance`, in words `wrong`, is a wrong point. `by_hand`: a person has set the threshold.
 * @typedef {{ threshold: number | null, tolerance: number, wrong: string, sentence: string, expected: string, why: string, by_hand: boolean, rough: string }} FlagWords
 */

/** @typedef {{ id: number, name: string, width: number, height: number }} PictureSize  What is needed to show a picture. */

/**
 * A face as the server sees it; points and predictions by landmark id.
 * @typedef {object} FaceView
 * @property {number} face
 * @property {PictureSize & { faces: number[], problem: string | null }} picture
 * @property {number} revision
 * @property {string | null} skip
 * @property {boolean} repeat
 * @property {Box} box
 * @property {Record<string, Point>} points
 * @property {Record<string, Prediction>} predictions
 * @property {Place[]} beside  The labeled places of the picture's other faces.
 * @property {Proposer | null} proposer  Null without predictions.
 * @property {(FlagWords & { radius: number | null }) | null} flags  `radius`: how far off a point is wrong, in pixels.
 * @property {boolean} can_undo
 * @property {boolean} can_redo
 */

/** @typedef {"empty" | "partial" | "complete" | "predicted" | "skipped"} FaceState */

/**
 * How far a face is (labeler/guidance/progress.py has the words): landmarks with a label, those among them that are not
 * absent, their number in the definition, doubtful points, points accepted unseen.
 * @typedef {object} FaceSummary
 * @property {FaceState} state
 * @property {number} labeled
 * @property {number} visible
 * @property {number} of
 * @property {number} flagged
 * @property {number} unseen
 * @property {string | null} skip
 */

/** @typedef {PictureSize & { faces: (FaceSummary & { id: number })[] }} Picture */

/**
 * A face of the label page's list. `number` counts all faces from 1, `nth` those of the picture.
 * @typedef {object} FaceEntry
 * @property {number} face
 * @property {Picture} picture
 * @property {number} nth
 * @property {number} count
 * @property {number} number
 * @property {number} [checks]  Open findings of the label checks.
 * @property {string | null} [duplicate]  Which face this one nearly repeats.
 * @property {boolean} [beside]  Shown because it is open, although the filter leaves it out.
 */

/** @typedef {FaceSummary & FaceEntry} FaceItem */

// --- the project -------------------------------------------------------------------------------------------------------

/** @typedef {{ pictures: number, faces: number, complete_faces: number, skipped_faces: number, faces_to_go: number }} Progress */

/**
 * @typedef {object} Overview
 * @property {string} name
 * @property {string} id  stays when the project is renamed
 * @property {Progress} progress
 * @property {number | null} seconds_a_face  null: too few faces are done to tell.
 * @property {{ tolerance: number, repeats: number }} settings
 * @property {Category | null} definition
 * @property {string[]} warnings  what is wrong with the stored labels
 * @property {boolean} read_only
 */

/** What is learned in the background: whether it is switched on, and that in words; no text without a learner. @typedef {{ on: boolean, text: string | null, title: string }} Learning */

/**
 * @typedef {object} Project
 * @property {Overview["progress"]} progress
 * @property {Overview["settings"]} settings
 * @property {Definition | null} definition
 * @property {Picture[]} pictures
 * @property {LoadedReference | null} reference
 */

/** A finding of the label checks: its landmarks, and the sentence to show. @typedef {{ face: number, kind: string, landmarks: number[], sentence: string }} Finding */
/** @typedef {{ open: Finding[], right: Finding[] }} Findings  `right`: those that the user confirmed as right. */

/**
 * An entry of a face's history. `landmarks`: their new visibility by id, null where the label was cleared. `undone`: it no
 * longer counts. `meant`: the entry that an undo or redo is about. `at`: seconds since 1970.
 * @typedef {object} Action
 * @property {number} id
 * @property {number} at
 * @property {"create" | "edit" | "undo" | "redo"} kind
 * @property {string} source
 * @property {string | null} annotator
 * @property {Record<string, Visibility | null>} landmarks
 * @property {boolean} box
 * @property {boolean} skipped
 * @property {string | null} skip
 * @property {boolean} undone
 * @property {number | null} meant
 */

// --- review ------------------------------------------------------------------------------------------------------------

/**
 * A face with predictions to review. `expected_wrong`: how many of its points are expected to be wrong, if that is
 * `measured`.
 * @typedef {object} QueueEntry
 * @property {number} face
 * @property {number} picture
 * @property {string} name
 * @property {number} expected_wrong
 * @property {boolean} measured
 * @property {number} flagged
 * @property {number} unreviewed
 */

/** Looks that a face takes, and whether it is reviewed. @typedef {{ looks: number, done: boolean, skip: string | null }} ReviewState */
/** @typedef {Omit<QueueEntry, "picture"> & ReviewState & { picture: Picture }} ReviewItem */

/** What can be put in charge of proposing points, what is, and what its flags mean. @typedef {{ in_charge: string, proposers: { name: string, words: string }[], flags: FlagWords | null }} Proposers */

/** Faces that were accepted unseen together. @typedef {{ id: number, at: number, annotator: string | null, faces: number, points: number }} Batch */

/**
 * What accepting all faces below a limit of doubt would do. `basis` and the revisions say which state this describes;
 * `batch`: the newest one that can be taken back.
 * @typedef {object} UnseenPreview
 * @property {number[]} basis
 * @property {{ face: number, revision: number }[]} faces
 * @property {number} points
 * @property {number} flagged
 * @property {number} expected_wrong
 * @property {FaceView[]} sample
 * @property {Batch | null} batch
 * @property {string} rough  Why the number of wrong points cannot be relied on; empty where it can.
 */

/**
 * What a change of the definition does to the labels: their number by landmark, and the numbers of faces that become
 * complete or incomplete, whose labels are set aside, or whose labels come back.
 * @typedef {object} Effect
 * @property {Record<string, number>} labels
 * @property {number} finished
 * @property {number} unfinished
 * @property {number} set_aside
 * @property {number} back
 */

// --- edits -------------------------------------------------------------------------------------------------------------

/** @typedef {"points" | "clear" | "box" | "accept" | "skip" | "undo" | "redo"} EditAction */

/** @typedef {{ id: number, x: number | null, y: number | null, v: Visibility }} PointEdit */

/**
 * The body of an edit's request. Which of the keys it has depends on the action.
 * @typedef {object} EditBody
 * @property {PointEdit[]} [points]
 * @property {string} [source]
 * @property {number[] | null} [ids]  null: everything that has no label.
 * @property {Box} [box]
 * @property {string | null} [reason]
 * @property {string | null} [annotator]
 * @property {number | null} [revision]  What was on the screen; null: not checked.
 * @property {number[]} [own]
 * @property {string} [edit]  The name of the edit: the server carries out each once, however often it is sent.
 * @property {Places} [places]  For an acceptance: the predictions that were on the screen.
 */

/**
 * `seen`: for an acceptance, the landmarks that were to be accepted on the screen.
 * @typedef {object} Edit
 * @property {number} face
 * @property {EditAction} action
 * @property {EditBody} body
 * @property {number[]} [seen]
 */

// --- the canvas --------------------------------------------------------------------------------------------------------

/** @typedef {ImageBitmap | HTMLCanvasElement} CanvasImage */
/** @typedef {"group" | "face"} Scope  What a transformation moves: the group of the current landmark, or the face. */

/**
 * What the canvas shows.
 * @typedef {object} Scene
 * @property {Definition | null} definition
 * @property {CanvasImage | null} image
 * @property {Record<string, Point>} points
 * @property {Record<string, Prediction>} predictions
 * @property {Positions} ghosts  Proposed places of landmarks without a label.
 * @property {Place[]} beside  Points of other faces, drawn faintly.
 * @property {Box | null} box
 * @property {string | null} current
 * @property {string | null} hover
 * @property {Place | null} cursor  The cross that the arrow keys move.
 * @property {string} cursorName
 * @property {"place" | "box"} mode
 * @property {Scope | null} selection
 * @property {boolean} showPoints
 * @property {boolean} showEdges
 * @property {boolean} showNames
 * @property {boolean} showBox
 * @property {boolean} showLoupe
 * @property {Set<number>} hiddenGroups
 * @property {boolean} dimCertain  Predictions without a flag are drawn faintly.
 * @property {number | null} wrongRadius  How far off a point is wrong, in pixels: a circle around the current prediction.
 * @property {boolean} certainEllipses  They have an ellipse also where they are neither current nor under the pointer.
 */

/** @typedef {{ picture: CanvasImage, filter: string }} Shown  A picture and the CSS filter that it is drawn with. */

/** @typedef {{ landmark: Landmark, x: number, y: number, point?: Point, prediction?: Prediction }} Marker  In CSS pixels. */
/** @typedef {"label" | "prediction" | "ghost"} DragOrigin */

// --- commands ----------------------------------------------------------------------------------------------------------

/**
 * A command of a page: its keys, its place on the toolbar (`group`), its line in the help. `active` and `enabled` are
 * what the toolbar shows.
 * @typedef {object} Command
 * @property {string[]} keys
 * @property {string} [title]  Every command that is not hidden has one.
 * @property {(event?: KeyboardEvent) => unknown} [run]
 * @property {string} [icon]
 * @property {string} [text]
 * @property {string} [group]
 * @property {boolean} [hidden]  Not in the help.
 * @property {() => boolean} [active]
 * @property {() => unknown} [enabled]
 * @property {HTMLButtonElement} [button]  Its button on the toolbar, once that is built.
 */

/** @typedef {"plain" | "lasting" | "warning"} Tone  "lasting": plain, for as long as a warning. */

export {};
