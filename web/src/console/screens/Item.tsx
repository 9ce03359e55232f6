/** One item: its quantity over time, its history, and what a person does with it. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, request } from "../../api/client.ts";
import { texts } from "../../shared/i18n/index.ts";
import { type Resource, useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { useQueryState } from "../../shared/url.ts";
import { Download } from "../Download.tsx";
import { AsOf } from "../item/AsOf.tsx";
import { ItemActions, type Open, OpenDialog } from "../item/actions.tsx";
import { ChartSection } from "../item/ChartSection.tsx";
import { Codes, Facts } from "../item/Facts.tsx";
import { HistoryTable } from "../item/History.tsx";
import { Await, ScreenHead } from "../ListScreen.tsx";
import { onChanges } from "../live.ts";
import type { Item as ItemData } from "./Stock.tsx";

export function Item(props: { id?: string }) {
  const id = props.id ?? "";
  const m = texts.value;
  const query = useQueryState();
  const open = useSignal<Open | null>(null);
  const show = (what: Open) => {
    open.value = what;
  };
  const item = useResource(`item ${id}`, (signal) =>
    request("get", "/items/{itemId}", { path: { itemId: id }, signal }),
  );
  const wanted = { limit: settings.value.rows, cursor: query.values.cursor ?? "" };
  const history = useResource(`changes ${id} ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/items/{itemId}/changes", { path: { itemId: id }, query: wanted, signal }),
  );
  const fresh = useFreshEvents(id, item);
  const reload = () => {
    fresh.value = 0;
    item.reload();
    history.reload();
  };
  if (item.error instanceof Problem && [404, 422].includes(item.error.status)) return <NoItem />;
  const data = item.data;
  return (
    <>
      <ScreenHead
        title={data?.name ?? m.stock.item}
        actions={data && <ItemActions item={data} open={show} />}
      />
      <Await resource={item}>
        {(data) => (
          <>
            <Facts item={data} />
            <div class="pair">
              <Codes
                item={data}
                onAdd={() => show({ name: "addCode" })}
                onRetire={(code) => show({ name: "retire", code })}
              />
              <AsOf id={id} />
            </div>
            <ChartSection item={data} turn={history.at} />
            <section>
              <h2>{m.item.history}</h2>
              <div class="toolbar">
                {fresh.value > 0 && (
                  <button type="button" class="fresh" onClick={reload}>
                    {m.common.showNew(fresh.value)}
                  </button>
                )}
                <Download path={`/items/${id}/movements`} name={`${data.sku}.csv`} />
              </div>
              <Await resource={history}>
                {(page) => (
                  <HistoryTable
                    item={data}
                    page={page}
                    query={query}
                    undo={(movement) => show({ name: "undo", movement })}
                  />
                )}
              </Await>
            </section>
          </>
        )}
      </Await>
      {open.value && data && (
        <OpenDialog
          open={open.value}
          item={data}
          onClose={() => {
            open.value = null;
          }}
          onDone={reload}
        />
      )}
    </>
  );
}

function NoItem() {
  const m = texts.value;
  return (
    <>
      <ScreenHead title={m.states.notFound} />
      <a href="/console/">{m.nav.stock}</a>
    </>
  );
}

/** Counts the events that came since, and keeps the quantity at the head up to date. */
function useFreshEvents(id: string, item: Resource<ItemData>) {
  const fresh = useSignal(0);
  useEffect(() => {
    fresh.value = 0;
    return onChanges((changes) => {
      const own = changes.items.filter((change) => change.itemId === id);
      const codes = changes.codes.filter((change) => change.itemId === id);
      fresh.value += own.length + codes.length;
      const last = own.at(-1);
      if (!last) return;
      item.update((data) =>
        last.version > data.version
          ? { ...data, onHand: last.onHand, version: last.version, updatedAt: last.recordedAt }
          : data,
      );
    });
  }, [id]);
  return fresh;
}
