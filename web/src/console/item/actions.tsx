/** What a person may do with an item, and the dialogs for it. */

import { texts } from "../../shared/i18n/index.ts";
import {
  AddCodeDialog,
  EditDialog,
  LifeCycleDialog,
  RecordDialog,
  RetireCodeDialog,
  UndoDialog,
} from "../dialogs/itemDialogs.tsx";
import type { Item } from "../screens/Stock.tsx";
import { may } from "../session.ts";
import type { Event } from "./History.tsx";

export type Open =
  | { name: "adjust" | "count" | "edit" | "confirm" | "lifeCycle" | "addCode" }
  | { name: "retire"; code: string }
  | { name: "undo"; movement: Event };

export function ItemActions(props: { item: Item; open(what: Open): void }) {
  const m = texts.value;
  const { item, open } = props;
  const button = (name: "adjust" | "count" | "edit" | "confirm" | "lifeCycle", label: string) => (
    <button
      type="button"
      class={name === "confirm" ? "primary" : ""}
      onClick={() => open({ name })}
    >
      {label}
    </button>
  );
  return (
    <>
      {item.provisional && may("manage_items") && button("confirm", m.item.confirm)}
      {item.active && may("record") && may("count") && button("count", m.item.count)}
      {item.active && may("record") && may("adjust") && button("adjust", m.item.adjust)}
      {may("manage_items") && button("edit", m.item.edit)}
      {may("manage_items") &&
        button("lifeCycle", item.active ? m.item.discontinue : m.item.reactivate)}
    </>
  );
}

export function OpenDialog(props: { open: Open; item: Item; onClose(): void; onDone(): void }) {
  const { open, ...rest } = props;
  switch (open.name) {
    case "adjust":
      return <RecordDialog {...rest} type="ADJUST" />;
    case "count":
      return <RecordDialog {...rest} type="COUNT" />;
    case "edit":
      return <EditDialog {...rest} />;
    case "confirm":
      return <EditDialog {...rest} confirm />;
    case "lifeCycle":
      return <LifeCycleDialog {...rest} />;
    case "addCode":
      return <AddCodeDialog {...rest} />;
    case "retire":
      return <RetireCodeDialog {...rest} code={open.code} />;
    case "undo":
      return <UndoDialog {...rest} movement={open.movement} />;
  }
}
