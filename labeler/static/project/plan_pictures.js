// The pictures of a plan with their points, one at a time.

/**
 * Follows the buttons that lead to the previous and the next picture. `paint` colors the points that are drawn.
 * @param {Document} document
 * @param {(plan: HTMLElement) => void} paint
 */
export function followSteps(document, paint) {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest(/** @type {"button"} */ ("button[data-step]")) : null;
    const plan = button?.closest(/** @type {"div"} */ (".import-plan"));
    if (!button || !plan) return;
    const pictures = picturesOf(plan);
    const at = pictures.findIndex(({ hidden }) => !hidden);
    showPicture(plan, (at + Number(button.dataset.step) + pictures.length) % pictures.length);
    paint(plan);
  });
}

/**
 * Shows one picture and draws its points.
 * @param {HTMLElement} plan
 * @param {number} at
 */
export function showPicture(plan, at) {
  const pictures = picturesOf(plan);
  const picture = pictures[at];
  if (!picture) return;
  for (const other of pictures) other.hidden = other !== picture;
  const points = pointsOf(plan, picture);
  const movable = !plan.querySelector("[data-group-of]");
  const dots = points.map(({ name, x, y }) => {
    const dot = document.createElement("span");
    dot.className = "matching-dot";
    dot.draggable = movable;
    dot.dataset.theirs = dot.title = name;
    dot.style.left = `${x}%`;
    dot.style.top = `${y}%`;
    return dot;
  });
  plan.querySelector(".matching-dots")?.replaceChildren(...dots);
  plan.querySelector("figcaption")?.replaceChildren(picture.dataset.name ?? "");
  plan.querySelector(".matching-at")?.replaceChildren(`Picture ${at + 1} of ${pictures.length}`);
}

/**
 * The points of a picture, in percent of its sides.
 * @param {HTMLElement} plan
 * @param {HTMLImageElement} picture
 */
export function pointsOf(plan, picture) {
  const names = [...plan.querySelectorAll(".matching-left [data-theirs], [data-group-of]")].map(
    (one) => one.getAttribute("data-theirs") ?? one.getAttribute("data-group-of") ?? "",
  );
  const numbers = (picture.dataset.points ?? "").split(" ").map(Number);
  return Array.from({ length: Math.floor(numbers.length / 3) }, (_, k) => ({
    name: names[numbers[3 * k]],
    x: numbers[3 * k + 1],
    y: numbers[3 * k + 2],
  }));
}

/** @param {HTMLElement} plan */
export function picturesOf(plan) {
  return [...plan.querySelectorAll(/** @type {"img"} */ (".matching-picture img"))];
}

/**
 * The points that are drawn.
 * @param {HTMLElement} plan
 */
export function dotsOf(plan) {
  return [...plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))];
}
