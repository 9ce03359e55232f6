/** Data of a screen, from the server. */
import { type Signal, signal, useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import { Unreachable } from "../api/client.ts";

/** Milliseconds until a screen without a connection asks again. */
const RETRY_MS = 3_000;

export interface Resource<T> {
  /** The last answer. It stays while a newer one is fetched, and without a connection. */
  data: T | undefined;
  error: unknown;
  loading: boolean;
  /** When `data` was fetched. */
  at: number;
  reload(): void;
  /** Changes the data at hand, without a request. */
  update(change: (data: T) => T): void;
}

interface State<T> {
  key: string;
  data: T | undefined;
  error: unknown;
  loading: boolean;
  at: number;
}

const round = signal(0);

/** Loads the data of all screens again: after a gap in the live changes, or a new sign-in. */
export function refreshAll(): void {
  round.value += 1;
}

/** Loads data whenever `key` changes. While there is no connection, it tries again by itself. */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const state = useSignal<State<T>>(nothing(key));
  const turn = useSignal(0);
  useEffect(() => {
    const abort = new AbortController();
    const same = state.peek().key === key;
    state.value = { ...(same ? state.peek() : nothing<T>(key)), loading: true };
    let timer: ReturnType<typeof setTimeout> | undefined;
    load(abort.signal).then(
      (data) => finish(state, abort, { key, data, error: undefined, at: Date.now() }),
      (error: unknown) => {
        finish(state, abort, { error });
        if (error instanceof Unreachable) {
          timer = setTimeout(() => {
            turn.value += 1;
          }, RETRY_MS);
        }
      },
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, turn.value, round.value]);
  const reload = useCallback(() => {
    turn.value += 1;
  }, []);
  const update = useCallback((change: (data: T) => T) => {
    const { data } = state.peek();
    if (data !== undefined) state.value = { ...state.peek(), data: change(data) };
  }, []);
  const { data, error, loading, at } = state.value.key === key ? state.value : nothing<T>(key);
  return { data, error, loading, at, reload, update };
}

function nothing<T>(key: string): State<T> {
  return { key, data: undefined, error: undefined, loading: true, at: 0 };
}

function finish<T>(
  state: Signal<State<T>>,
  abort: AbortController,
  changed: Partial<State<T>>,
): void {
  if (!abort.signal.aborted) state.value = { ...state.peek(), ...changed, loading: false };
}
