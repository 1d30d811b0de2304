// Typed events: an EventTarget whose events carry a `detail`.

/**
 * @template {Record<string, object>} Events  Name of an event -> its detail.
 */
export class Emitter extends EventTarget {
  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {Events[Name]} detail
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => unknown} handle
   * @param {AddEventListenerOptions} [options]
   */
  on(name, handle, options) {
    this.addEventListener(name, (event) => handle(/** @type {CustomEvent<Events[Name]>} */ (event).detail), options);
  }
}
