/** A new key, shown once: as text, and as a QR code for a device. */
import { useSignal } from "@preact/signals";
import { encode } from "uqr";
import type { Schemas } from "../api/client.ts";
import { Dialog } from "../shared/components/Dialog.tsx";
import { texts } from "../shared/i18n/index.ts";
import { tellError } from "../shared/messages.ts";

export function NewKey(props: { issued: Schemas["IssuedKey"]; onClose(): void }) {
  const m = texts.value;
  const { issued } = props;
  const copied = useSignal(false);
  const copy = () =>
    navigator.clipboard.writeText(issued.key).then(
      () => {
        copied.value = true;
      },
      (error: unknown) => tellError(String(error)),
    );
  return (
    <Dialog title={m.keys.newTitle(issued.name)} onClose={() => undefined}>
      <p>{m.keys.newHint}</p>
      <p>
        <code class="secret">{issued.key}</code>
      </p>
      <QrCode text={JSON.stringify({ url: location.origin, key: issued.key })} label={m.keys.qr} />
      <div class="buttons">
        <button type="button" onClick={() => void copy()}>
          {copied.value ? m.common.copied : m.common.copy}
        </button>
        <button type="button" class="primary" onClick={props.onClose}>
          {m.keys.done}
        </button>
      </div>
    </Dialog>
  );
}

/** Always dark on light, with its quiet zone: scanners do not read the opposite. */
function QrCode(props: { text: string; label: string }) {
  const { data, size } = encode(props.text, { border: 4 });
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <svg class="qr" role="img" aria-label={props.label} viewBox={`0 0 ${size} ${size}`}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
