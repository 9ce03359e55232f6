/** An instant in local time; the tooltip has the exact one with its zone. */
import { format, texts } from "../i18n/index.ts";

export function Time(props: { at: string | null | undefined }) {
  if (!props.at) return <>{texts.value.common.none}</>;
  return (
    <time dateTime={props.at} title={`${new Date(props.at).toString()} · ${props.at}`}>
      {format.value.time(props.at)}
    </time>
  );
}

/** Minutes from which a movement counts as late. */
const LATE_MS = 10 * 60_000;

/** When goods moved, if that is known, and how much later it was recorded. */
export function Happened(props: { occurredAt: string | null; recordedAt: string }) {
  if (!props.occurredAt) return <>{texts.value.common.none}</>;
  const late = Date.parse(props.recordedAt) - Date.parse(props.occurredAt);
  return (
    <>
      <Time at={props.occurredAt} />
      {late >= LATE_MS && (
        <small class="late"> {texts.value.common.late(format.value.length(late))}</small>
      )}
    </>
  );
}
