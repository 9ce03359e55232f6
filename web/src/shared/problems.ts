/** Errors in the reader's language. */
import { Problem, Unreachable } from "../api/client.ts";
import { format, texts } from "./i18n/index.ts";

/** A refusal: of a request, of an element of a batch, or of a row of a file. */
export interface Refusal {
  code: string;
  message: string;
  details?: Record<string, unknown> | null;
}

/** What happened, in one sentence. */
export function explain(error: unknown): string {
  if (error instanceof Problem) return explainRefusal(error);
  if (error instanceof Unreachable) return texts.value.problems.UNREACHABLE ?? error.message;
  return String(error);
}

export function explainRefusal({ code, message, details }: Refusal): string {
  const known = texts.value.problems[code];
  if (code === "UNAUTHENTICATED") {
    return texts.value.signIn.reasons[String(details?.reason)] ?? texts.value.signIn.lost;
  }
  if (code === "INSUFFICIENT_STOCK" && details) {
    const { requested, onHand } = details as { requested?: number; onHand?: number };
    if (requested !== undefined && onHand !== undefined) {
      return `${known}: ${texts.value.insufficient(
        format.value.number(requested),
        format.value.number(onHand),
      )}`;
    }
  }
  if (known === undefined || code === "INVALID" || code === "UNREADABLE_FILE") {
    return known ? `${known}: ${message}` : message;
  }
  return known;
}

/** Whether somebody else has closed or recorded it in the meantime. */
export function isAlreadyClosed(error: unknown): boolean {
  return error instanceof Problem && ["ALREADY_RECORDED", "UNKNOWN_REJECTION"].includes(error.code);
}
