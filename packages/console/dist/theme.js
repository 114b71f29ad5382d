// Before anything is drawn, so that a page in the other theme never flashes. A file, because the policy allows no inline script.
(function () {
  try {
    var theme = localStorage.getItem("cortexpilot.theme");
    if (theme === "light" || theme === "dark") document.documentElement.setAttribute("data-theme", theme);
  } catch (refused) {
    // Storage may be switched off; then the system's own choice holds.
  }
})();
