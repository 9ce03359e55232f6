/** The texts and formats of the language that is set. */
import { computed } from "@preact/signals";
import { type Format, formatFor } from "../format.ts";
import { type Language, settings } from "../settings.ts";
import { en, type Messages } from "./en.ts";
import { ko } from "./ko.ts";

export const LANGUAGES: Record<Language, Messages> = { en, ko };

export const texts = computed<Messages>(() => LANGUAGES[settings.value.language]);

/** The reader's region decides how numbers and times look: 30/11/2026 or 11/30/2026. */
export const format = computed<Format>(() => {
  const { language } = settings.value;
  return formatFor(navigator.languages.find((tag) => tag.startsWith(language)) ?? language);
});
