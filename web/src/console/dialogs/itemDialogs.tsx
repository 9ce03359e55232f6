/** What a person does with an item. Each dialog says what will happen before it does. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { request, type Schemas } from "../../api/client.ts";
import { bound, NumberField, SelectField, TextField } from "../../shared/components/Field.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { tell } from "../../shared/messages.ts";
import { round } from "../../shared/quantities.ts";
import { voidId } from "../../shared/uuid.ts";
import type { Item } from "../screens/Stock.tsx";
import { type Details, DetailsFields, toRequest } from "./DetailsFields.tsx";
import { FormDialog } from "./FormDialog.tsx";

interface DialogProps {
  item: Item;
  onClose(): void;
  onDone(): void;
}

/** Records ADJUST or COUNT. The localId is made once: an attempt that is repeated counts once. */
export function RecordDialog(props: DialogProps & { type: "ADJUST" | "COUNT" }) {
  const m = texts.value;
  const { item, type } = props;
  const [localId] = useState(() => crypto.randomUUID());
  const quantity = useSignal("");
  const reason = useSignal("");
  const note = useSignal("");
  const number = format.value.parse(quantity.value);
  const after =
    number === undefined ? undefined : type === "COUNT" ? number : round(item.onHand + number);
  const isAdjust = type === "ADJUST";
  const submit = async () => {
    await request("post", "/items/{itemId}/movements", {
      path: { itemId: item.itemId },
      body: {
        localId,
        type,
        quantity: number ?? quantity.value,
        ...(reason.value ? { reason: reason.value } : {}),
        ...(note.value.trim() ? { note: note.value.trim() } : {}),
      },
    });
    tell(m.item.recorded);
    props.onDone();
  };
  return (
    <FormDialog
      title={`${isAdjust ? m.item.adjust : m.item.count}: ${item.name}`}
      action={m.common.save}
      onClose={props.onClose}
      onSubmit={submit}
    >
      <NumberField
        label={`${m.common.quantity} (${item.unit})`}
        hint={isAdjust ? m.item.adjustHint : m.item.countHint}
        required
        {...bound(quantity)}
      />
      {isAdjust && (
        <SelectField
          label={m.common.reason}
          required
          value={reason.value}
          options={[["", m.item.pickReason], ...Object.entries(m.item.reasons)]}
          onInput={(value) => {
            reason.value = value;
          }}
        />
      )}
      <TextField label={m.common.note} hint={m.common.reasonHint} {...bound(note)} />
      <p role="status" class="outcome">
        {after === undefined
          ? ""
          : after === item.onHand
            ? m.item.staysSame
            : m.item.willBe(format.value.number(item.onHand), format.value.number(after))}
      </p>
    </FormDialog>
  );
}

export function EditDialog(props: DialogProps & { confirm?: boolean }) {
  const m = texts.value;
  const { item } = props;
  const before: Details = {
    name: item.name,
    unit: item.unit,
    safetyStock: format.value.plain(item.safetyStock),
    floor: item.floor === null ? "" : format.value.plain(item.floor),
    scale: String(item.scale),
  };
  const details = useSignal(before);
  const submit = async () => {
    const all = toRequest(details.value);
    const names = (Object.keys(before) as (keyof Details)[]).filter(
      (name) => details.value[name] !== before[name],
    );
    const changed = Object.fromEntries(names.map((name) => [name, all[name]]));
    const path = { itemId: item.itemId };
    if (props.confirm) await request("post", "/items/{itemId}/confirm", { path, body: changed });
    else if (names.length > 0) await request("patch", "/items/{itemId}", { path, body: changed });
    tell(m.item.saved);
    props.onDone();
  };
  return (
    <FormDialog
      title={props.confirm ? m.item.confirmTitle : m.item.edit}
      action={props.confirm ? m.item.confirm : m.common.save}
      onClose={props.onClose}
      onSubmit={submit}
    >
      {props.confirm && <p>{m.item.confirmHint}</p>}
      <DetailsFields details={details} />
    </FormDialog>
  );
}

export function LifeCycleDialog(props: DialogProps) {
  const m = texts.value;
  const { item } = props;
  const submit = async () => {
    const path = { itemId: item.itemId };
    await request(
      "post",
      item.active ? "/items/{itemId}/discontinue" : "/items/{itemId}/reactivate",
      {
        path,
      },
    );
    tell(m.item.saved);
    props.onDone();
  };
  return (
    <FormDialog
      title={item.active ? m.item.discontinueTitle : m.item.reactivateTitle}
      action={item.active ? m.item.discontinue : m.item.reactivate}
      danger={item.active}
      isQuestion
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>{item.active ? m.item.discontinueHint : m.item.reactivateHint}</p>
    </FormDialog>
  );
}

export type Movement = Schemas["ItemEvent"];

/** Records a VOID: what was recorded by mistake never happened. */
export function UndoDialog(props: DialogProps & { movement: Movement }) {
  const m = texts.value;
  const { item, movement } = props;
  const transaction = movement.transaction;
  if (!transaction) return null;
  const submit = async () => {
    await request("post", "/items/{itemId}/movements", {
      path: { itemId: item.itemId },
      body: {
        localId: await voidId(transaction.localId),
        type: "VOID",
        voids: transaction.localId,
      },
    });
    tell(m.item.recorded);
    props.onDone();
  };
  const change = -transaction.delta;
  return (
    <FormDialog
      title={m.item.undoTitle}
      action={m.item.undo}
      danger
      isQuestion
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>
        {m.types[transaction.type]} {format.value.signed(transaction.delta)}
      </p>
      <p>
        {transaction.coveredAt
          ? m.item.undoCovered
          : m.item.undoHint(
              format.value.signed(change),
              format.value.number(round(item.onHand + change)),
            )}
      </p>
    </FormDialog>
  );
}

export function AddCodeDialog(props: DialogProps) {
  const m = texts.value;
  const code = useSignal("");
  const per = useSignal("1");
  const submit = async () => {
    await request("post", "/items/{itemId}/codes", {
      path: { itemId: props.item.itemId },
      body: { code: code.value.trim(), per: format.value.parse(per.value) ?? per.value },
    });
    tell(m.item.saved);
    props.onDone();
  };
  return (
    <FormDialog
      title={m.item.addCode}
      action={m.common.save}
      onClose={props.onClose}
      onSubmit={submit}
    >
      <TextField label={m.item.codeLabel} required {...bound(code)} />
      <NumberField label={m.item.perLabel} {...bound(per)} />
    </FormDialog>
  );
}

export function RetireCodeDialog(props: DialogProps & { code: string }) {
  const m = texts.value;
  const submit = async () => {
    await request("post", "/items/{itemId}/codes/retire", {
      path: { itemId: props.item.itemId },
      body: { code: props.code },
    });
    tell(m.item.saved);
    props.onDone();
  };
  return (
    <FormDialog
      title={m.item.retireTitle(props.code)}
      action={m.item.retire}
      danger
      isQuestion
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>{m.item.retireHint}</p>
    </FormDialog>
  );
}
