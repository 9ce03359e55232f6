/** A new key, shown once: as text, and as a QR code for a device. */
import type { Schemas } from "../api/client.ts";
import { Dialog } from "../shared/components/Dialog.tsx";
import { texts } from "../shared/i18n/index.ts";
import { CopyButton } from "./CopyButton.tsx";
import { QrCode } from "./QrCode.tsx";

export function NewKey(props: { issued: Schemas["IssuedKey"]; onClose(): void }) {
  const m = texts.value;
  const { issued } = props;
  return (
    <Dialog title={m.keys.newTitle(issued.name)} onClose={() => undefined}>
      <p>{m.keys.newHint}</p>
      <p>
        <code class="secret">{issued.key}</code>
      </p>
      <QrCode text={JSON.stringify({ url: location.origin, key: issued.key })} label={m.keys.qr} />
      <div class="buttons">
        <CopyButton text={issued.key} />
        <button type="button" class="primary" onClick={props.onClose}>
          {m.keys.done}
        </button>
      </div>
    </Dialog>
  );
}
