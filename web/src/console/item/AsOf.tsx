/** The quantity of an item on a day in the past. */
import { Problem, request } from "../../api/client.ts";
import { TextField } from "../../shared/components/Field.tsx";
import { Failure } from "../../shared/components/Notice.tsx";
import { startOfDay } from "../../shared/format.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { useQueryState } from "../../shared/url.ts";
import { ItemState } from "../screens/Stock.tsx";

/** What the ledger had recorded at the end of a day. The day is in the address. */
export function AsOf(props: { id: string }) {
  const m = texts.value;
  const query = useQueryState();
  const day = query.values.asOf ?? "";
  return (
    <section class="as-of">
      <TextField
        type="date"
        label={m.item.asOf}
        hint={m.item.asOfHint}
        value={day}
        onInput={(asOf) => query.set({ asOf, cursor: query.values.cursor ?? "" })}
      />
      {startOfDay(day) && <AsOfResult {...props} day={day} />}
    </section>
  );
}

function AsOfResult(props: { id: string; day: string }) {
  const m = texts.value;
  const asOf = startOfDay(props.day, 1) ?? "";
  const found = useResource(`item ${props.id} ${asOf}`, (signal) =>
    request("get", "/items/{itemId}", { path: { itemId: props.id }, query: { asOf }, signal }),
  );
  const isUnknown = found.error instanceof Problem && found.error.code === "UNKNOWN_VERSION";
  const day = format.value.date(startOfDay(props.day) ?? asOf);
  return (
    <p role="status" class="outcome">
      {found.data && (
        <>
          {m.item.asOfResult(day, `${format.value.number(found.data.onHand)} ${found.data.unit}`)}{" "}
          <ItemState item={found.data} />
        </>
      )}
      {isUnknown && m.item.asOfNone}
      {found.error !== undefined && !isUnknown && <Failure error={found.error} />}
    </p>
  );
}
