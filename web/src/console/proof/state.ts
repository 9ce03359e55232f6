/** What a person has to know about the log, without a page around it. */
import type { Schemas } from "../../api/client.ts";

export type Verification = Schemas["Verification"];

/** Milliseconds after which a verification says little about the ledger of today. */
export const MAX_AGE_MS = 30 * 86_400_000;

export type Warning = "never" | "found" | "old";

export function warningsOf(verification: Verification | null, now: number): Warning[] {
  if (!verification) return ["never"];
  const isOld = now - Date.parse(verification.finishedAt) > MAX_AGE_MS;
  return [
    ...(verification.findings > 0 ? (["found"] as const) : []),
    ...(isOld ? (["old"] as const) : []),
  ];
}

export interface Part {
  /** Of its first character. */
  start: number;
  text: string;
}

/** Characters that two people can compare at a glance. */
const PART_LENGTH = 8;

export function partsOf(root: string): Part[] {
  const count = Math.ceil(root.length / PART_LENGTH);
  return Array.from({ length: count }, (_, number) => {
    const start = number * PART_LENGTH;
    return { start, text: root.slice(start, start + PART_LENGTH) };
  });
}

/** The id in what a person typed or pasted. Undefined: there is none. */
export function localIdIn(typed: string): string | undefined {
  const found = /^[{"']?([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})["'}]?$/i.exec(typed.trim());
  return found?.[1]?.toLowerCase();
}
