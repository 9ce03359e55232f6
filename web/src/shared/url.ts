/** The state of a screen lies in the query of its address, so that it can be sent and gone back to. */
import { useLocation } from "preact-iso";

export type QueryState = Record<string, string>;

export interface Query {
  values: QueryState;
  /** Changes some values; an empty text removes one. A change of a filter begins at the first page. */
  set(changed: QueryState, replace?: boolean): void;
  clear(): void;
}

export function useQueryState(): Query {
  const { path, query, route } = useLocation();
  return {
    values: query,
    set: (changed, replace = false) => {
      // From the address, because a pause in typing may end after another filter was set.
      const now = Object.fromEntries(new URLSearchParams(location.search));
      const kept = "cursor" in changed ? now : { ...now, cursor: "" };
      route(withQuery(path, { ...kept, ...changed }), replace);
    },
    clear: () => route(path),
  };
}

export function withQuery(path: string, values: QueryState): string {
  const given = Object.entries(values).filter(([, value]) => value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
