// What a browser remembers between visits for comfort's sake. A full or forbidden storage forgets, and stops nothing.

export function remember(storage, key, value) {
  try {
    storage.setItem(key, value);
  } catch {
    // Nothing that must not be lost is kept here: edits have their journal in `session.js`.
  }
}
