/** Counts what has come in since a list was loaded. Rows never move by themselves. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Resource } from "../shared/resource.ts";
import { type Changes, onChanges } from "./live.ts";

export type LiveChange = Changes["items"][number];

export function useFresh<T>(
  resource: Resource<T>,
  matches: (change: LiveChange) => boolean,
): number {
  const count = useSignal(0);
  useEffect(() => {
    count.value = 0;
  }, [resource.at]);
  useEffect(
    () =>
      onChanges((changes) => {
        count.value += changes.items.filter(matches).length;
      }),
    [matches],
  );
  return count.value;
}
