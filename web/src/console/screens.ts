/** The screens of the console: their addresses, names, shortcuts and permissions. */
import { computed } from "@preact/signals";
import type { Messages } from "../shared/i18n/en.ts";
import { may } from "./session.ts";

export interface ScreenInfo {
  name: Exclude<keyof Messages["nav"], "label" | "menu" | "skip" | "help" | "search" | "open">;
  path: string;
  /** After `g`. */
  key: string;
  /** Undefined: every role may see it. */
  permission?: string;
}

const SCREENS: ScreenInfo[] = [
  { name: "stock", path: "/console/", key: "s" },
  { name: "low", path: "/console/low-stock", key: "l" },
  { name: "journal", path: "/console/journal", key: "j" },
  { name: "rejections", path: "/console/rejections", key: "r" },
  { name: "stockTakes", path: "/console/stock-takes", key: "t" },
  { name: "files", path: "/console/files", key: "f" },
  { name: "proof", path: "/console/proof", key: "p" },
  { name: "audit", path: "/console/audit", key: "a", permission: "read_audit" },
  { name: "keys", path: "/console/keys", key: "k", permission: "manage_keys" },
  { name: "settings", path: "/console/settings", key: "e" },
];

/** What the person may see. */
export const screens = computed(() =>
  SCREENS.filter((screen) => screen.permission === undefined || may(screen.permission)),
);

export function itemPath(id: string): string {
  return `/console/items/${id}`;
}
