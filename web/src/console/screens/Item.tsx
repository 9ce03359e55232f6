/** One item: its quantity over time, its history, and what a person does with it. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, request, type Schemas } from "../../api/client.ts";
import { type Column, DataTable } from "../../shared/components/DataTable.tsx";
import { TextField } from "../../shared/components/Field.tsx";
import { Badge, Failure } from "../../shared/components/Notice.tsx";
import { Happened, Time } from "../../shared/components/Time.tsx";
import { startOfDay } from "../../shared/format.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { type Resource, useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { useQueryState } from "../../shared/url.ts";
import { OnHandChart } from "../chart/OnHandChart.tsx";
import { Download } from "../Download.tsx";
import {
  AddCodeDialog,
  EditDialog,
  LifeCycleDialog,
  RecordDialog,
  RetireCodeDialog,
  UndoDialog,
} from "../dialogs/itemDialogs.tsx";
import { Loading, Pager, ScreenHead, Stale } from "../ListScreen.tsx";
import { onChanges } from "../live.ts";
import { may } from "../session.ts";
import { Remarks } from "./Journal.tsx";
import { type Item as ItemData, ItemState, Quantity } from "./Stock.tsx";

type Event = Schemas["ItemEvent"];
type CodeEvent = Schemas["CodeChangeRecord"];
type Row = { position: number; item: Event } | { position: number; code: CodeEvent };

type Open =
  | { name: "adjust" | "count" | "edit" | "confirm" | "lifeCycle" | "addCode" }
  | { name: "retire"; code: string }
  | { name: "undo"; movement: Event };

export function Item(props: { id?: string }) {
  const id = props.id ?? "";
  const m = texts.value;
  const query = useQueryState();
  const open = useSignal<Open | null>(null);
  const item = useResource(`item ${id}`, (signal) =>
    request("get", "/items/{itemId}", { path: { itemId: id }, signal }),
  );
  const wanted = { limit: settings.value.rows, cursor: query.values.cursor ?? "" };
  const history = useResource(`changes ${id} ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/items/{itemId}/changes", { path: { itemId: id }, query: wanted, signal }),
  );
  const fresh = useFreshEvents(id, item);
  if (!item.data) {
    if (item.error === undefined) return <Loading />;
    const isUnknown = item.error instanceof Problem && [404, 422].includes(item.error.status);
    return isUnknown ? (
      <>
        <ScreenHead title={m.states.notFound} />
        <a href="/console/">{m.nav.stock}</a>
      </>
    ) : (
      <>
        <ScreenHead title={m.stock.item} />
        <Failure error={item.error} onRetry={item.reload} />
      </>
    );
  }
  const data = item.data;
  const reload = () => {
    fresh.value = 0;
    item.reload();
    history.reload();
  };
  return (
    <>
      <ScreenHead
        title={data.name}
        actions={
          <ItemActions
            item={data}
            open={(what) => {
              open.value = what;
            }}
          />
        }
      />
      <Stale resource={item} />
      <Head item={data} />
      <div class="pair">
        <Codes
          item={data}
          onAdd={() => {
            open.value = { name: "addCode" };
          }}
          onRetire={(code) => {
            open.value = { name: "retire", code };
          }}
        />
        <AsOf id={id} unit={data.unit} />
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
        <Stale resource={history} />
        {!history.data &&
          (history.error === undefined ? (
            <Loading />
          ) : (
            <Failure error={history.error} onRetry={history.reload} />
          ))}
        {history.data && (
          <>
            <DataTable
              caption={m.item.history}
              columns={historyColumns(data, (movement) => {
                open.value = { name: "undo", movement };
              })}
              rows={rowsOf(history.data)}
              rowKey={(row) => String(row.position)}
              rowClass={(row) => ("item" in row && row.item.voidedBy ? "voided" : "")}
            />
            <Pager
              page={{ items: rowsOf(history.data), nextCursor: history.data.nextCursor }}
              query={query}
            />
          </>
        )}
      </section>
      {open.value && (
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

function ItemActions(props: { item: ItemData; open(what: Open): void }) {
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

function OpenDialog(props: { open: Open; item: ItemData; onClose(): void; onDone(): void }) {
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

function Head({ item }: { item: ItemData }) {
  const m = texts.value;
  return (
    <dl class="facts">
      <div class="big">
        <dt>{m.stock.onHand}</dt>
        <dd>
          <Quantity value={item.onHand} unit={item.unit} /> <ItemState item={item} />
        </dd>
      </div>
      <div>
        <dt>{m.stock.sku}</dt>
        <dd>{item.sku}</dd>
      </div>
      <div>
        <dt>{m.common.location}</dt>
        <dd>{item.location}</dd>
      </div>
      <div>
        <dt>{m.stock.safetyStock}</dt>
        <dd>{format.value.number(item.safetyStock)}</dd>
      </div>
      <div>
        <dt>{m.item.floor}</dt>
        <dd>{item.floor === null ? m.item.noFloor : format.value.number(item.floor)}</dd>
      </div>
      <div>
        <dt>{m.stock.updated}</dt>
        <dd>
          <Time at={item.updatedAt} /> <small>{m.item.version(item.version)}</small>
        </dd>
      </div>
    </dl>
  );
}

function Codes(props: { item: ItemData; onAdd(): void; onRetire(code: string): void }) {
  const m = texts.value;
  const { item } = props;
  return (
    <section>
      <h2>{m.item.codes}</h2>
      {item.codes.length === 0 && <p class="hint">{m.item.noCodes}</p>}
      <ul class="codes">
        {item.codes.map((code) => (
          <li key={code.code}>
            <code>{code.code}</code>
            {code.per !== 1 && <small> {m.item.per(format.value.number(code.per))}</small>}
            {may("manage_items") && (
              <button
                type="button"
                class="link"
                aria-label={`${m.item.retire}: ${code.code}`}
                onClick={() => props.onRetire(code.code)}
              >
                {m.item.retire}
              </button>
            )}
          </li>
        ))}
      </ul>
      {may("register") && (
        <button type="button" class="link" onClick={props.onAdd}>
          {m.item.addCode}
        </button>
      )}
    </section>
  );
}

/** What the ledger had recorded at the end of a day. The day is in the address. */
function AsOf(props: { id: string; unit: string }) {
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
      {day && <AsOfResult {...props} day={day} />}
    </section>
  );
}

function AsOfResult(props: { id: string; unit: string; day: string }) {
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

const PERIODS = ["7", "30", "90", "365", "all"] as const;

function ChartSection(props: { item: ItemData; turn: number }) {
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
      {history.data && <OnHandChart history={history.data} safetyStock={props.item.safetyStock} />}
      {!history.data &&
        (history.error === undefined ? (
          <div class="chart-place">
            <Loading />
          </div>
        ) : (
          <Failure error={history.error} onRetry={history.reload} />
        ))}
    </section>
  );
}

/** To the minute, so that the same period has one address for a while. */
function daysAgo(days: number): string {
  const minute = 60_000;
  return new Date(Math.floor(Date.now() / minute) * minute - days * 86_400_000).toISOString();
}

function rowsOf(page: Schemas["ItemEventPage"]): Row[] {
  const rows: Row[] = [
    ...page.items.map((item) => ({ position: item.position, item })),
    ...page.codes.map((code) => ({ position: code.position, code })),
  ];
  return rows.sort((one, other) => other.position - one.position);
}

function historyColumns(item: ItemData, undo: (movement: Event) => void): Column<Row>[] {
  const m = texts.value;
  const event = (row: Row) => ("item" in row ? row.item : row.code);
  const transaction = (row: Row) => ("item" in row ? row.item.transaction : null);
  return [
    { key: "when", header: m.common.when, cell: (row) => <Time at={event(row).recordedAt} /> },
    {
      key: "type",
      header: m.journal.type,
      heading: true,
      cell: (row) => {
        const moved = transaction(row);
        return (
          <>
            {moved
              ? (m.types[moved.type] ?? moved.type)
              : (m.item.events[event(row).kind] ?? event(row).kind)}
            {"item" in row && row.item.voidedBy && <Badge tone="mute">{m.item.voided}</Badge>}
          </>
        );
      },
    },
    {
      key: "delta",
      header: m.item.delta,
      numeric: true,
      cell: (row) => {
        const moved = transaction(row);
        return moved ? format.value.signed(moved.delta) : "";
      },
    },
    {
      key: "after",
      header: m.item.after,
      numeric: true,
      cell: (row) => ("item" in row ? format.value.number(row.item.onHand) : ""),
    },
    {
      key: "happened",
      header: m.common.happened,
      cell: (row) => {
        const moved = transaction(row);
        return moved ? (
          <Happened occurredAt={moved.occurredAt} recordedAt={event(row).recordedAt} />
        ) : (
          ""
        );
      },
    },
    {
      key: "by",
      header: m.common.by,
      cell: (row) => {
        const device = transaction(row)?.device;
        const { actor, keyId } = event(row);
        return (
          <span title={keyId ?? undefined}>
            {actor}
            {device && device !== actor && <small> · {device}</small>}
          </span>
        );
      },
    },
    {
      key: "note",
      header: m.common.note,
      cell: (row) => {
        const moved = transaction(row);
        if ("code" in row) return <code>{row.code.code}</code>;
        if (moved) return <Remarks movement={moved} />;
        const { details } = row.item;
        return details ? `${details.name} · ${details.unit}` : "";
      },
    },
    {
      key: "undo",
      header: m.item.undo,
      cell: (row) => {
        const moved = transaction(row);
        const canUndo =
          "item" in row && moved && moved.type !== "VOID" && !row.item.voidedBy && item.active;
        return canUndo && may("void_any") ? (
          <button type="button" class="link" onClick={() => undo(row.item)}>
            {m.item.undo}
          </button>
        ) : (
          ""
        );
      },
    },
  ];
}
