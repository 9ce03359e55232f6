/** One line at the bottom that tells what was done. It stays until the next one, or until closed. */
import { signal } from "@preact/signals";

export const message = signal<{ text: string; kind: "success" | "error" } | null>(null);

export function tell(text: string): void {
  message.value = { text, kind: "success" };
}

export function tellError(text: string): void {
  message.value = { text, kind: "error" };
}
