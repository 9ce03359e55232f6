/** What a screen says when it has no rows, no permission or no connection. */
import type { ComponentChildren } from "preact";
import { Problem, Unreachable } from "../../api/client.ts";
import { texts } from "../i18n/index.ts";
import { explain } from "../problems.ts";

export function Notice(props: {
  title: string;
  kind?: "info" | "error" | "success" | "warning";
  children?: ComponentChildren;
}) {
  const kind = props.kind ?? "info";
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <p class="notice-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** A request that failed, with what a person can do. */
export function Failure(props: { error: unknown; onRetry?(): void }) {
  const m = texts.value;
  const { error } = props;
  if (error instanceof Unreachable) {
    return (
      <Notice kind="error" title={m.states.offline}>
        <p>{m.states.offlineHint}</p>
      </Notice>
    );
  }
  if (error instanceof Problem && error.status === 403) {
    return <Notice title={m.states.forbidden} />;
  }
  return (
    <Notice kind="error" title={m.states.failed}>
      <p>{explain(error)}</p>
      {error instanceof Problem && (
        <details>
          <summary>{m.common.details}</summary>
          <p>{m.common.code(error.code)}</p>
          <p lang="en">{error.message}</p>
        </details>
      )}
      {props.onRetry && (
        <button type="button" onClick={props.onRetry}>
          {m.common.retry}
        </button>
      )}
    </Notice>
  );
}

export function Badge(props: { tone: "warn" | "bad" | "mute" | "good"; children: string }) {
  const shapes = { warn: "▲", bad: "■", mute: "○", good: "✓" };
  return (
    <span class={`badge ${props.tone}`}>
      <span aria-hidden="true">{shapes[props.tone]} </span>
      {props.children}
    </span>
  );
}
