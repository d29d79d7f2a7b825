// Airflow's colors and its choice between light and dark, before anything is drawn.
(() => {
  "use strict";
  const root = document.documentElement;
  const airflow = () => {
    try {
      const found = window.parent !== window ? window.parent.document.documentElement : null;
      return found && found.querySelector("body") ? found : null;
    } catch {
      return null; // Framed by another origin: its pages are none of our business.
    }
  };
  const isDark = (outer) => {
    if (outer && (outer.classList.contains("dark") || outer.classList.contains("light"))) {
      return outer.classList.contains("dark");
    }
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // Storage may be forbidden.
    }
    return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  };
  // An installation may have a theme of its own: its values win over those of our style sheet.
  const names = [
    "bg", "bg-subtle", "bg-muted", "bg-emphasized", "fg", "fg-muted", "fg-subtle", "border", "border-emphasized",
    ...["brand", "green", "red", "orange", "blue", "gray"].flatMap((color) => [`${color}-solid`, `${color}-subtle`,
      `${color}-muted`, `${color}-emphasized`, `${color}-fg`, `${color}-contrast`, `${color}-focusRing`]),
  ];
  const follow = () => {
    const outer = airflow();
    const dark = isDark(outer);
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", !dark);
    root.classList.toggle("framed", window.parent !== window);
    if (!outer) return;
    const values = window.parent.getComputedStyle(outer);
    for (const name of names) {
      const value = values.getPropertyValue(`--chakra-colors-${name.replace("focusRing", "focus-ring")}`).trim();
      if (value && !value.includes("var(")) root.style.setProperty(`--${name}`, value);
    }
  };
  follow();
  const outer = airflow();
  if (outer) new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
  window.addEventListener("storage", (event) => event.key === "theme" && follow());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
})();
