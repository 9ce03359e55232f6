/** Copies a text. The button itself says that it did. */
import { useSignal } from "@preact/signals";
import { texts } from "../shared/i18n/index.ts";
import { tellError } from "../shared/messages.ts";

export function CopyButton(props: { text: string; label?: string }) {
  const m = texts.value;
  const copied = useSignal("");
  const copy = () =>
    navigator.clipboard.writeText(props.text).then(
      () => {
        copied.value = props.text;
      },
      (error: unknown) => tellError(String(error)),
    );
  return (
    <button type="button" onClick={() => void copy()}>
      {copied.value === props.text ? m.common.copied : (props.label ?? m.common.copy)}
    </button>
  );
}
