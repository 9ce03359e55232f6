/** Counts, by day and place, with their differences. */
import { address, request, type Schemas } from "../../api/client.ts";
import { type Column, DataTable } from "../../shared/components/DataTable.tsx";
import { CheckField } from "../../shared/components/Field.tsx";
import { Badge, Notice } from "../../shared/components/Notice.tsx";
import { Happened, Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { round } from "../../shared/quantities.ts";
import { useResource } from "../../shared/resource.ts";
import { useQueryState } from "../../shared/url.ts";
import { Download } from "../Download.tsx";
import { LocationFilter, PeriodFilter, periodOf } from "../filters.tsx";
import { useFresh } from "../freshness.ts";
import { Await, ScreenHead } from "../ListScreen.tsx";
import { itemPath } from "../screens.ts";

type Movement = Schemas["MovementRecord"];

/** Counts that are fetched at once; beyond them, the screen asks for a shorter time. */
const MAX_COUNTS = 1_000;

interface Session {
  key: string;
  day: string;
  location: string;
  counts: Movement[];
}

export function StockTakes() {
  const m = texts.value;
  const query = useQueryState();
  const { location, differences } = query.values;
  const filter = { ...periodOf(query), type: "COUNT" as const, ...(location ? { location } : {}) };
  const resource = useResource(`counts ${JSON.stringify(filter)}`, (signal) =>
    request("get", "/movements", { query: { ...filter, limit: MAX_COUNTS }, signal }),
  );
  const fresh = useFresh(resource, isCount);
  return (
    <>
      <ScreenHead title={m.stockTakes.title} />
      <search class="filters" aria-label={m.common.filters}>
        <LocationFilter query={query} />
        <PeriodFilter query={query} />
        <CheckField
          label={m.stockTakes.onlyDifferences}
          checked={differences === "true"}
          onInput={(on) => query.set({ differences: on ? "true" : "" })}
        />
      </search>
      <div class="toolbar">
        {fresh > 0 && (
          <button type="button" class="fresh" onClick={resource.reload}>
            {m.common.showNew(fresh)}
          </button>
        )}
        <Download path={address("/movements", undefined, filter)} name="stock-takes.csv" />
      </div>
      <Await resource={resource}>
        {(page) => <Sessions page={page} onlyDifferences={differences === "true"} />}
      </Await>
    </>
  );
}

function Sessions(props: { page: Schemas["MovementPage"]; onlyDifferences: boolean }) {
  const m = texts.value;
  const sessions = sessionsOf(props.page.items, props.onlyDifferences);
  return (
    <>
      {props.page.nextCursor && <p class="stale">{m.stockTakes.cut}</p>}
      {sessions.length === 0 && (
        <Notice
          title={props.page.items.length > 0 ? m.stockTakes.noDifferences : m.stockTakes.empty}
        >
          {props.page.items.length === 0 && <p>{m.stockTakes.emptyHint}</p>}
        </Notice>
      )}
      {sessions.map((session) => (
        <StockTake key={session.key} session={session} />
      ))}
    </>
  );
}

function isCount(change: Schemas["ChangeRecord"]): boolean {
  return change.transaction?.type === "COUNT";
}

function StockTake({ session }: { session: Session }) {
  const m = texts.value;
  const title = `${format.value.date(session.counts[0]?.recordedAt ?? "")} · ${session.location}`;
  const deltas = session.counts.map((count) => count.delta);
  const sum = (sign: number) =>
    round(deltas.filter((delta) => delta * sign > 0).reduce((one, other) => one + other, 0));
  return (
    <section>
      <h2>{title}</h2>
      <p class="summary">
        {m.stockTakes.summary(deltas.length, deltas.filter((delta) => delta !== 0).length)} ·{" "}
        {m.stockTakes.surplus} {format.value.signed(sum(1))} · {m.stockTakes.shortage}{" "}
        {format.value.signed(sum(-1))}
      </p>
      <DataTable
        caption={title}
        columns={columns()}
        rows={session.counts}
        rowKey={(row) => row.localId}
        rowClass={(row) => (row.voidedBy ? "voided" : row.delta === 0 ? "" : "differs")}
      />
    </section>
  );
}

function sessionsOf(counts: Movement[], onlyDifferences: boolean): Session[] {
  const sessions = new Map<string, Session>();
  for (const count of counts) {
    if (onlyDifferences && count.delta === 0) continue;
    const day = format.value.day(count.recordedAt);
    const key = `${day} ${count.location}`;
    const session = sessions.get(key) ?? { key, day, location: count.location, counts: [] };
    session.counts.push(count);
    sessions.set(key, session);
  }
  return [...sessions.values()];
}

function columns(): Column<Movement>[] {
  const m = texts.value;
  const number = format.value.number;
  return [
    {
      key: "sku",
      header: m.stock.sku,
      heading: true,
      cell: (row) => (
        <a data-open href={itemPath(row.itemId)}>
          {row.sku}
        </a>
      ),
    },
    {
      key: "expected",
      header: m.stockTakes.expected,
      numeric: true,
      cell: (row) => number(round(row.quantity - row.delta)),
    },
    {
      key: "counted",
      header: m.stockTakes.counted,
      numeric: true,
      cell: (row) => number(row.quantity),
    },
    {
      key: "difference",
      header: m.stockTakes.difference,
      numeric: true,
      cell: (row) => <strong>{format.value.signed(row.delta)}</strong>,
    },
    {
      key: "happened",
      header: m.common.happened,
      cell: (row) => <Happened occurredAt={row.occurredAt} recordedAt={row.recordedAt} />,
    },
    { key: "recorded", header: m.common.when, cell: (row) => <Time at={row.recordedAt} /> },
    { key: "by", header: m.common.by, cell: (row) => row.device ?? row.actor },
    {
      key: "note",
      header: m.common.note,
      cell: (row) => (
        <>
          {row.voidedBy && <Badge tone="mute">{m.item.voided}</Badge>}
          {row.corrects && <small>{m.stockTakes.corrects} </small>}
          {row.coveredAt && <small>{m.item.covered(format.value.time(row.coveredAt))} </small>}
          {row.note}
        </>
      ),
    },
  ];
}
