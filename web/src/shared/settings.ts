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

function isLanguage(tag: string): tag is Language {
  return tag === "en" || tag === "ko";
}

function stored(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
  } catch {
    return {}; // Blocked or damaged storage must not stop the page.
  }
}

export const settings = signal<Settings>({
  language: preferredLanguage(),
  theme: "system",
  shortcuts: true,
  rows: 100,
  ...stored(),
});

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
