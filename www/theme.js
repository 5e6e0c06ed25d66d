// Applies the chosen theme before the first paint. A classic script, because modules run too late.
"use strict";
try {
  const theme = localStorage.getItem("mcmix.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: boot.js says so in words.
}
