/** Keys of the whole page: shortcuts, and barcode scanners, which type like a fast keyboard. */
import { settings } from "../shared/settings.ts";

export interface Commands {
  open(overlay: "palette" | "help"): void;
  /** `g`, then this key. */
  go(key: string): void;
  scan(code: string): void;
}

/** Milliseconds after which a single key is a shortcut, and not the beginning of a scan. */
const SHORTCUT_MS = 100;
/** Longest mean time in milliseconds between two keys of a scanner. Most take 10 to 30 ms. Single
 * pauses may be longer, by a radio link or a busy page. A person is slower. */
const SCAN_MS = 80;
/** Milliseconds of silence that end a scan without Enter or Tab. */
const SILENCE_MS = 400;
/** Milliseconds within which the second key of a sequence must come. */
const SEQUENCE_MS = 1_500;
/** Characters of the shortest barcode. */
const MIN_CODE_LENGTH = 4;

/** Handles the keys until the returned function is called. */
export function listenToKeys(commands: Commands): () => void {
  const burst = new Burst(commands);
  const handle = (event: KeyboardEvent) => {
    // A Korean keyboard composes syllables: Enter then ends one, and is no command.
    if (event.isComposing || event.keyCode === 229) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      commands.open("palette");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // The Enter of a scan is none for the button that happens to have the focus.
    if (isTyping(event) && !(event.key === "Enter" && burst.isScan())) return;
    if (event.repeat) burst.repeat(event.key);
    else burst.take(event);
  };
  document.addEventListener("keydown", handle);
  return () => document.removeEventListener("keydown", handle);
}

/** Keys that follow one another faster than a person types are a scan. Others are shortcuts. */
class Burst {
  private keys: string[] = [];
  private first = 0;
  private last = 0;
  private shortcutTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private sequenceUntil = 0;
  private readonly commands: Commands;

  constructor(commands: Commands) {
    this.commands = commands;
  }

  /** A key that is held down is no scan. */
  repeat(key: string): void {
    this.clear();
    if (settings.peek().shortcuts && (key === "j" || key === "k")) this.shortcut(key);
  }

  take(event: KeyboardEvent): void {
    clearTimeout(this.shortcutTimer);
    clearTimeout(this.silenceTimer);
    if (event.key === "Enter" || event.key === "Tab") {
      if (this.end()) event.preventDefault();
      else if (event.key === "Enter") openCurrentRow(event);
      return;
    }
    if (event.key.length !== 1) return;
    if (event.key === "/" && this.keys.length === 0) event.preventDefault();
    if (this.keys.length === 0) this.first = event.timeStamp;
    this.last = event.timeStamp;
    this.keys.push(event.key);
    this.shortcutTimer = setTimeout(() => this.single(), SHORTCUT_MS);
    this.silenceTimer = setTimeout(() => this.end(), SILENCE_MS);
  }

  /** Whether what was typed last, outside of fields, is a scan. */
  isScan(): boolean {
    const mean = (this.last - this.first) / Math.max(1, this.keys.length - 1);
    return this.keys.length >= MIN_CODE_LENGTH && mean <= SCAN_MS;
  }

  /** Ends what was typed. True: it was a scan. */
  private end(): boolean {
    const code = this.keys.join("");
    const isScan = this.isScan();
    this.clear();
    if (isScan) this.commands.scan(code);
    return isScan;
  }

  private clear(): void {
    clearTimeout(this.shortcutTimer);
    clearTimeout(this.silenceTimer);
    this.keys = [];
  }

  /** No key has followed. */
  private single(): void {
    const [key, second] = this.keys;
    // Most barcodes begin with a digit, which is no shortcut: the rest may still come.
    if (key === undefined || second !== undefined || /\d/.test(key)) return;
    this.clear();
    if (settings.peek().shortcuts) this.shortcut(key);
  }

  private shortcut(key: string): void {
    const now = Date.now();
    if (now < this.sequenceUntil) {
      this.sequenceUntil = 0;
      this.commands.go(key.toLowerCase());
    } else if (key === "g") this.sequenceUntil = now + SEQUENCE_MS;
    else if (key === "?") this.commands.open("help");
    else if (key === "j") moveRow(1);
    else if (key === "k") moveRow(-1);
    else pressButtonOf(key);
  }
}

function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  if (document.querySelector("dialog[open]")) return true;
  if (!(target instanceof HTMLElement)) return false;
  const isField = target.matches("input:not([type=checkbox]), textarea, select, [role=img]");
  const isControl = target.matches("a, button, summary, input");
  return isField || (isControl && (event.key === "Enter" || event.key === " "));
}

/** Screens mark what a key does: data-key="r" on the button. */
function pressButtonOf(key: string): void {
  const found = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  if (found instanceof HTMLInputElement) found.focus();
  else found?.click();
}

function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-row] a[data-open]")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[Math.max(0, Math.min(links.length - 1, next))]?.focus();
}

function openCurrentRow(event: KeyboardEvent): void {
  const current = document.querySelector<HTMLElement>("[data-row][aria-current] a[data-open]");
  if (current) {
    event.preventDefault();
    current.click();
  }
}
