/** Sends the request of a dialog once at a time, and keeps its error. */
import { useSignal } from "@preact/signals";
import { explain } from "../../shared/problems.ts";

export interface Submit {
  busy: boolean;
  error: string | undefined;
  /** Runs `act`. Its error is kept for the dialog, which stays open with all that was typed. */
  run(act: () => Promise<void>): void;
}

export function useSubmit(): Submit {
  const busy = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  return {
    busy: busy.value,
    error: error.value,
    run: (act) => {
      if (busy.peek()) return;
      busy.value = true;
      error.value = undefined;
      act()
        .catch((problem: unknown) => {
          error.value = explain(problem);
        })
        .finally(() => {
          busy.value = false;
        });
    },
  };
}
