/** What a person set in this browser. Everything else is in the address. */
import { effect, signal } from "@preact/signals";

export type Language = "en" | "ko";
export type Theme = "system" | "light" | "dark";

export interface Settings {
  language: Language;
  theme: Theme;
  shortcuts: boolean;
  rows: number;
}

export const ROWS = [50, 100, 250, 500] as const;

const KEY = "stockledger-settings";

function preferredLanguage(): Language {
  const found = navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage);
  return found ?? "en";
}

function isLanguage(tag: unknown): tag is Language {
  return tag === "en" || tag === "ko";
}

/** What is stored, as far as it makes sense: a damaged or older storage must not stop the page. */
function stored(): Settings {
  let found: Record<string, unknown> = {};
  try {
    found = JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // Blocked or damaged.
  }
  const { language, theme, shortcuts, rows } = found;
  return {
    language: isLanguage(language) ? language : preferredLanguage(),
    theme: theme === "light" || theme === "dark" ? theme : "system",
    shortcuts: shortcuts !== false,
    rows: ROWS.find((one) => one === rows) ?? 100,
  };
}

export const settings = signal<Settings>(stored());

export function change(changed: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changed };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // It then lasts until the page is closed.
  }
}

effect(() => {
  const { language, theme } = settings.value;
  const root = document.documentElement;
  root.lang = language;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
});
