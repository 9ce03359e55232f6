/** The details of an item, as fields. */
import type { Signal } from "@preact/signals";
import { NumberField, SelectField, TextField } from "../../shared/components/Field.tsx";
import { format, texts } from "../../shared/i18n/index.ts";

export interface Details {
  name: string;
  unit: string;
  safetyStock: string;
  floor: string;
  scale: string;
}

const MAX_SCALE = 6;

export function DetailsFields(props: { details: Signal<Details>; fixedScale?: boolean }) {
  const m = texts.value;
  const { details } = props;
  const set = (changed: Partial<Details>) => {
    details.value = { ...details.value, ...changed };
  };
  return (
    <>
      <TextField
        label={m.item.name}
        required
        value={details.value.name}
        onInput={(name) => set({ name })}
      />
      <TextField
        label={m.item.unit}
        required
        value={details.value.unit}
        onInput={(unit) => set({ unit })}
      />
      <NumberField
        label={m.stock.safetyStock}
        value={details.value.safetyStock}
        onInput={(safetyStock) => set({ safetyStock })}
      />
      <NumberField
        label={m.item.floor}
        hint={m.item.floorHint}
        value={details.value.floor}
        onInput={(floor) => set({ floor })}
      />
      <SelectField
        label={m.item.scale}
        hint={m.item.scaleHint}
        value={details.value.scale}
        options={Array.from({ length: MAX_SCALE + 1 }, (_, n) => [String(n), String(n)])}
        onInput={(scale) => set({ scale })}
      />
    </>
  );
}

/** What the API takes. A number that can't be read is sent as it is, and the server says so. */
export function toRequest(details: Details) {
  const number = (text: string) => format.value.parse(text) ?? text;
  return {
    name: details.name.trim(),
    unit: details.unit.trim(),
    safetyStock: details.safetyStock.trim() === "" ? 0 : number(details.safetyStock),
    floor: details.floor.trim() === "" ? null : number(details.floor),
    scale: Number(details.scale),
  };
}
