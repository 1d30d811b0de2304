// What a browser remembers between visits for convenience. A full or forbidden storage forgets it and stops nothing.

/**
 * @param {Storage} storage
 * @param {string} key
 * @param {string} value
 */
export function remember(storage, key, value) {
  try {
    storage.setItem(key, value);
  } catch {
    // Nothing that must not be lost is kept here: `session.js` keeps a journal of the edits.
  }
}
