// Before the first paint, so that a dark page does not flash white. See src/shared/settings.ts.
try {
  const { theme, language } = JSON.parse(localStorage.getItem("stockledger-settings") ?? "{}");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  if (language) document.documentElement.lang = language;
} catch {
  // Storage is blocked or damaged: the system's theme it is.
}
