// What came of an action, said once: here, or on the page that it leads to.

import { toast } from "./dom.js";
import { remember } from "./memory.js";

const KEY = "mdmd.done";

/**
 * @param {HTMLElement} root  Where it is said.
 * @param {Storage} [storage]
 */
export function tellWhatIsDone(root, storage = sessionStorage) {
  const said = storage.getItem(KEY);
  storage.removeItem(KEY);
  if (said) toast(root, said, "lasting");
  window.addEventListener("labeler-done", (event) => {
    const { address, words } = /** @type {CustomEvent<{ address: string, words: string }>} */ (event).detail;
    if (!address) return void (words && toast(root, words, "lasting"));
    if (words) remember(storage, KEY, words);
    location.assign(address);
  });
}
