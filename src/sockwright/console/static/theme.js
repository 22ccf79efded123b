// Light, dark, or what the system says. first.js sets it before the first paint.

import { $$ } from "./dom.js";

const CHOICES = ["system", "light", "dark"];

const stored = () => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
};

/** What is chosen. */
export const theme = () => (CHOICES.includes(stored()) ? stored() : "system");

/** Choose one of `system`, `light`, `dark`. */
export function choose(which) {
  try {
    localStorage.setItem("theme", which);
  } catch {
    // then it holds for this page
  }
  if (which === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = which;
  mark(which);
}

/** The next one in turn. */
export const chooseNext = () => choose(CHOICES[(CHOICES.indexOf(theme()) + 1) % CHOICES.length]);

function mark(which) {
  for (const button of $$("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === which));
}

export function install() {
  for (const button of $$("[data-theme-choice]")) button.addEventListener("click", () => choose(button.dataset.themeChoice));
  mark(theme());
  addEventListener("storage", (event) => event.key === "theme" && choose(theme()));
}
