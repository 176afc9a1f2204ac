// Runs before the first paint, so that a page that was made dark never flashes white.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch { /* no storage: the system decides */ }
})();
