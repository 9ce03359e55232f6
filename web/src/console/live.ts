/** Live changes: one stream for all tabs of the browser.
 *
 * A browser opens at most six connections to a server over HTTP/1.1, so a stream in each of eight
 * tabs would stop them all. The tab that holds a lock opens the stream, and tells the others.
 */
import { signal } from "@preact/signals";
import { Problem, request, type Schemas } from "../api/client.ts";
import { refreshAll } from "../shared/resource.ts";
import { loadSession, session } from "./session.ts";

export type Changes = Schemas["ChangeList"];
type News =
  | { kind: "changes"; changes: Changes }
  | { kind: "rejections"; open: number }
  | { kind: "state"; state: Connection; after: string | null }
  | { kind: "gap" }
  | { kind: "hello" };

export type Connection = "connecting" | "live" | "offline";

export const connection = signal<Connection>("connecting");
export const openRejections = signal<number | null>(null);

const LOCK = "stockledger-stream";
const HIDDEN_MS = 60_000;
const RETRY_MS = 2_000;

const listeners = new Set<(changes: Changes) => void>();
const channel = new BroadcastChannel(LOCK);

/** Calls `listen` at every change, until the returned function is called. */
export function onChanges(listen: (changes: Changes) => void): () => void {
  listeners.add(listen);
  return () => listeners.delete(listen);
}

/** Follows the ledger as long as the page is open. */
export function follow(): void {
  channel.onmessage = ({ data }: MessageEvent<News>) => {
    if (data.kind === "hello") tellState();
    else take(data);
  };
  channel.postMessage({ kind: "hello" } satisfies News);
  void lead();
  document.addEventListener("visibilitychange", onVisibility);
  document.addEventListener("freeze", release);
  document.addEventListener("resume", () => void lead());
}

let abort: AbortController | null = null;
let source: EventSource | null = null;
let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
let after: string | null = null;

function onVisibility(): void {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(release, HIDDEN_MS);
  else void lead();
}

/** Waits for the lock, and opens the stream while this tab has it. */
async function lead(): Promise<void> {
  if (abort) return;
  const own = new AbortController();
  abort = own;
  try {
    await navigator.locks.request(LOCK, { signal: own.signal }, () => streamUntil(own.signal));
  } catch {
    // Aborted while it waited.
  } finally {
    if (abort === own) abort = null;
  }
}

function release(): void {
  abort?.abort();
}

async function streamUntil(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await oneStream(signal);
    if (!signal.aborted) await pause(RETRY_MS, signal);
  }
}

/** One connection, from its start to its end. */
async function oneStream(signal: AbortSignal): Promise<void> {
  try {
    if (session.peek() == null) return;
    await connected(await bookmark(), signal);
  } catch {
    share({ kind: "state", state: "offline", after });
  }
}

/** Where the stream goes on. An EventSource shows no status, so the ledger is asked first whether it
 * has the bookmark still: another one may have been restored. */
async function bookmark(): Promise<string> {
  if (after !== null) {
    try {
      await request("get", "/sync/changes", { query: { after, limit: 1 } });
      return after;
    } catch (error) {
      if (!(error instanceof Problem && error.code === "UNKNOWN_POSITION")) throw error;
      share({ kind: "gap" });
    }
  }
  after = (await request("get", "/items", { query: { limit: 1 } })).nextAfter;
  return after;
}

function connected(bookmark: string, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ after: bookmark, rejections: "true" });
  const stream = new EventSource(`/sync/stream?${query}`);
  source = stream;
  return new Promise((resolve) => {
    const end = () => {
      stream.close();
      source = null;
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
    stream.onopen = () => share({ kind: "state", state: "live", after });
    stream.onerror = () => {
      share({ kind: "state", state: "offline", after });
      end();
      void loadSession().catch(() => undefined);
    };
    stream.addEventListener("changes", (event: MessageEvent<string>) => {
      const changes = JSON.parse(event.data) as Changes;
      share({ kind: "changes", changes });
    });
    stream.addEventListener("rejections", (event: MessageEvent<string>) => {
      const { open } = JSON.parse(event.data) as { open: number };
      share({ kind: "rejections", open });
    });
  });
}

function share(news: News): void {
  take(news);
  channel.postMessage(news);
}

function tellState(): void {
  if (!source) return;
  channel.postMessage({ kind: "state", state: connection.peek(), after } satisfies News);
  const open = openRejections.peek();
  if (open !== null) channel.postMessage({ kind: "rejections", open } satisfies News);
}

function take(news: News): void {
  if (news.kind === "state") {
    connection.value = news.state;
    after = news.after;
  }
  if (news.kind === "rejections") openRejections.value = news.open;
  if (news.kind === "gap") refreshAll();
  if (news.kind === "changes") {
    // Every tab knows where the stream is: whichever opens the next one misses nothing.
    after = news.changes.nextAfter;
    for (const listen of listeners) listen(news.changes);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
