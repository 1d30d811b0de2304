// A report opened as a file takes the light or dark of its reader's system.
document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
