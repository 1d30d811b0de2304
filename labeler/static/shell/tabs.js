// The tab in the address: a reload comes back to it, and pages can send the user on.

const NAMES = ["project", "schema", "label", "train", "review", "export"];

const buttonOf = (name) => document.getElementById(`tab-${name}-button`);

export function goToTab(name) {
  buttonOf(name)?.click();
}

/** Follow the user's tab in location.hash, and go to the tab it names, or else to `fallback`; `changed` hears of each. */
export function followTabs(fallback, changed) {
  for (const name of NAMES) {
    buttonOf(name)?.addEventListener("click", () => {
      history.replaceState(null, "", `${location.pathname}${location.search}#${name}`);
      changed();
    });
  }
  window.addEventListener("hashchange", () => goToTab(location.hash.slice(1)));
  const wanted = location.hash.slice(1);
  goToTab(NAMES.includes(wanted) ? wanted : fallback);
}
