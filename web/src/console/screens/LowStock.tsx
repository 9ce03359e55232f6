/** What to restock, and what the ledger cannot know. */
import { address } from "../../api/client.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { round } from "../../shared/quantities.ts";
import { settings } from "../../shared/settings.ts";
import { useQueryState } from "../../shared/url.ts";
import { LocationFilter } from "../filters.tsx";
import { ListScreen } from "../ListScreen.tsx";
import { stockColumns, useStock } from "./Stock.tsx";

export function LowStock() {
  const m = texts.value;
  const query = useQueryState();
  const { location, cursor, tab } = query.values;
  const isNegative = tab === "negative";
  const filter = {
    ...(isNegative ? { negative: true } : { belowSafetyStock: true }),
    ...(location ? { location } : {}),
  };
  const resource = useStock({ ...filter, limit: settings.value.rows, cursor });
  const missing = {
    key: "missing",
    header: m.stock.missing,
    numeric: true,
    cell: (item: { safetyStock: number; onHand: number }) =>
      format.value.number(Math.max(0, round((isNegative ? 0 : item.safetyStock) - item.onHand))),
  };
  return (
    <ListScreen
      title={m.low.title}
      query={query}
      {...(isNegative ? { intro: m.low.negativeHint } : {})}
      filters={
        <>
          <fieldset class="tabs">
            <legend class="visually-hidden">{m.stock.status}</legend>
            {(["below", "negative"] as const).map((name) => (
              <label key={name}>
                <input
                  type="radio"
                  name="tab"
                  checked={isNegative === (name === "negative")}
                  onChange={() => query.set({ tab: name === "negative" ? name : "" })}
                />
                {m.low[name]}
              </label>
            ))}
          </fieldset>
          <LocationFilter query={query} />
        </>
      }
      resource={resource}
      columns={stockColumns([missing])}
      rowKey={(item) => item.itemId}
      csv={{ path: address("/items", undefined, filter), name: "low-stock.csv" }}
      empty={{ title: isNegative ? m.low.emptyNegative : m.low.emptyBelow }}
    />
  );
}
