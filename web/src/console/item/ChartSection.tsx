/** The chart of an item. Its period is in the address. */
import { request } from "../../api/client.ts";
import { texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { useQueryState } from "../../shared/url.ts";
import { OnHandChart } from "../chart/OnHandChart.tsx";
import { Await } from "../ListScreen.tsx";
import type { Item } from "../screens/Stock.tsx";

const PERIODS = ["7", "30", "90", "365", "all"] as const;

export function ChartSection(props: { item: Item; turn: number }) {
  const m = texts.value;
  const query = useQueryState();
  const chosen = PERIODS.find((period) => period === query.values.period) ?? "30";
  const key = `history ${props.item.itemId} ${chosen} ${props.turn}`;
  const history = useResource(key, (signal) =>
    request("get", "/items/{itemId}/history", {
      path: { itemId: props.item.itemId },
      query: chosen === "all" ? {} : { from: daysAgo(Number(chosen)) },
      signal,
    }),
  );
  return (
    <section>
      <h2>{m.item.chart}</h2>
      <fieldset class="tabs">
        <legend class="visually-hidden">{m.item.period}</legend>
        {PERIODS.map((period) => (
          <label key={period}>
            <input
              type="radio"
              name="period"
              checked={chosen === period}
              onChange={() =>
                query.set({
                  period: period === "30" ? "" : period,
                  cursor: query.values.cursor ?? "",
                })
              }
            />
            {m.item.periods[period]}
          </label>
        ))}
      </fieldset>
      <div class="chart-place">
        <Await resource={history}>
          {(data) => <OnHandChart history={data} safetyStock={props.item.safetyStock} />}
        </Await>
      </div>
    </section>
  );
}

/** To the minute, so that the same period has one address for a while. */
function daysAgo(days: number): string {
  const minute = 60_000;
  return new Date(Math.floor(Date.now() / minute) * minute - days * 86_400_000).toISOString();
}
