// A report that is opened as a file follows the light or dark setting of the system.
document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
