import { useSignal } from "@preact/signals";
import { request } from "../../api/client.ts";
import { bound, TextField } from "../../shared/components/Field.tsx";
import { texts } from "../../shared/i18n/index.ts";
import { tell } from "../../shared/messages.ts";
import { itemId } from "../../shared/uuid.ts";
import { useLocations } from "../filters.tsx";
import { session } from "../session.ts";
import { type Details, DetailsFields, toRequest } from "./DetailsFields.tsx";
import { FormDialog } from "./FormDialog.tsx";

/** Registers an item. With `expectedId`, only the one that a device means by it. */
export function RegisterItem(props: {
  onClose(): void;
  onDone(): Promise<void> | void;
  expectedId?: string;
  location?: string | null;
  hint?: string;
  title?: string;
}) {
  const m = texts.value;
  const locations = useLocations();
  const location = useSignal(props.location ?? (locations.length === 1 ? locations[0] : "") ?? "");
  const sku = useSignal("");
  const floor = session.value?.defaultFloor;
  const details = useSignal<Details>({
    name: "",
    unit: "",
    safetyStock: "",
    floor: floor === null || floor === undefined ? "" : String(floor),
    scale: "0",
  });
  const submit = async () => {
    const id = await itemId(location.value.trim(), sku.value.trim());
    if (props.expectedId && id !== props.expectedId) throw m.rejections.registerMismatch;
    await request("post", "/items", {
      body: {
        location: location.value.trim(),
        sku: sku.value.trim(),
        ...toRequest(details.value),
        codes: [],
      },
    });
    tell(m.rejections.registered);
    await props.onDone();
  };
  return (
    <FormDialog
      title={props.title ?? m.stock.register}
      action={m.common.save}
      onClose={props.onClose}
      onSubmit={submit}
    >
      {props.hint && <p>{props.hint}</p>}
      <TextField label={m.common.location} required list="known-locations" {...bound(location)} />
      <datalist id="known-locations">
        {locations.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <TextField label={m.stock.sku} required {...bound(sku)} />
      <DetailsFields details={details} />
    </FormDialog>
  );
}
