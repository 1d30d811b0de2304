// The open tab is part of the address: a reload comes back to it, and pages can link to a tab.

const NAMES = ["project", "schema", "label", "train", "review", "export"];

/** @param {string} name */
const buttonOf = (name) => document.getElementById(`tab-${name}-button`);

/** @param {string} name */
export function goToTab(name) {
  buttonOf(name)?.click();
}

/**
 * Keeps location.hash at the open tab and opens the tab it names, or else `fallback`, unless a person has opened another
 * one by then. Calls `changed` at each change.
 * @param {Promise<string>} fallback
 * @param {() => void} changed
 */
export async function followTabs(fallback, changed) {
  for (const name of NAMES) {
    buttonOf(name)?.addEventListener("click", () => {
      history.replaceState(null, "", `${location.pathname}${location.search}#${name}`);
      changed();
    });
  }
  window.addEventListener("hashchange", () => goToTab(location.hash.slice(1)));
  const landing = await fallback;
  const wanted = location.hash.slice(1);
  const chosen = NAMES.slice(1).find((name) => buttonOf(name)?.getAttribute("aria-selected") === "true");
  goToTab(NAMES.includes(wanted) ? wanted : (chosen ?? landing));
}
