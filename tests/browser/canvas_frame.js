// The canvas pages without Gradio, which takes longer to start than all of them: a bar, tabs, and boot.js. They stand at
// `files`/boot.js?project=..., whose answer is plain text. `styles` are the addresses of the style sheets.
(files, styles) => {
  const path = `${files}/boot.js`;
  if (location.pathname !== path || !location.search) return;

  const tab = (name) => `<button id="tab-${name}-button" role="tab">${name}</button>`;
  const mount = (page) => `<div class="mount mount-${page}"><div class="canvas-root" data-page="${page}"></div></div>`;
  const panel = (name, content) => `<div id="tab-${name}" class="tabitem" role="tabpanel" hidden>${content}</div>`;

  addEventListener("DOMContentLoaded", async () => {
    document.head.innerHTML = styles.map((style) => `<link rel="stylesheet" href="${style}">`).join("");
    document.body.innerHTML = `
      <style>*, ::before, ::after { box-sizing: border-box }</style>
      <div class="gradio-container">
        ${mount("bar")}
        <div id="tabs">
          <div class="tab-wrapper"><div class="tab-container" role="tablist">
            ${["project", "schema", "label", "train", "review", "export"].map(tab).join("")}
          </div></div>
          ${["schema", "label", "review"].map((name) => panel(name, mount(name))).join("")}
        </div>
      </div>`;
    const { boot } = await import(path);
    const panels = [...document.querySelectorAll("[role=tabpanel]")];
    const buttons = [...document.querySelectorAll("[role=tab]")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        for (const other of buttons) other.ariaSelected = String(other === button);
        for (const each of panels) each.hidden = `${each.id}-button` !== button.id;
        // As in Gradio, a page is made when its tab is opened for the first time.
        const opened = panels.find((each) => !each.hidden);
        if (opened) boot(opened);
      });
    }
    boot(document.querySelector(".mount-bar"));
  });
}
