/** The worklist: what was sent and is not recorded. */
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { address, request } from "../../api/client.ts";
import type { Column, Selection } from "../../shared/components/DataTable.tsx";
import { Badge } from "../../shared/components/Notice.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { texts } from "../../shared/i18n/index.ts";
import { explainRefusal } from "../../shared/problems.ts";
import { useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { type Query, useQueryState, withQuery } from "../../shared/url.ts";
import { LocationFilter, PeriodFilter, periodOf, SelectFilter, TextFilter } from "../filters.tsx";
import { ListScreen } from "../ListScreen.tsx";
import { openRejections } from "../live.ts";
import { ManyDialog } from "../rejections/actions.tsx";
import { Detail, What } from "../rejections/Detail.tsx";
import { grouped, idOf, type Rejection, sentOf } from "../rejections/entry.ts";
import { may } from "../session.ts";

/** The causes that a person can do something about, in the filter. */
const CAUSES = [
  "INSUFFICIENT_STOCK",
  "UNKNOWN_ITEM",
  "ITEM_DISCONTINUED",
  "ITEM_DIFFERS",
  "FORBIDDEN",
  "INVALID",
  "UNKNOWN_TRANSACTION",
  "GROUP_FAILED",
  "LOCAL_ID_REUSED",
  "STOCK_LIMIT_EXCEEDED",
] as const;

export function Rejections() {
  const m = texts.value;
  const query = useQueryState();
  const filter = rejectionQuery(query);
  const wanted = { ...filter, limit: settings.value.rows, cursor: query.values.cursor };
  const resource = useResource(`rejections ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/sync/rejections", { query: wanted as object, signal }),
  );
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const many = useSignal<"retry" | "dismiss" | null>(null);
  const fresh = useChangedCount(resource.at);
  useEffect(() => {
    chosen.value = new Set();
  }, [JSON.stringify(wanted)]);
  const rows = grouped(resource.data?.items ?? []).flat();
  const byKey = new Map(rows.map((row) => [row.rejectionId, row]));
  const current = query.values.row ? byKey.get(query.values.row) : undefined;
  const close = () => query.set({ row: "", cursor: query.values.cursor ?? "" });
  const done = () => {
    chosen.value = new Set();
    resource.reload();
  };
  const selected = [...chosen.value].flatMap((key) => byKey.get(key) ?? []);
  return (
    <div class={current ? "split" : ""}>
      <div>
        <ListScreen
          title={m.rejections.title}
          intro={m.rejections.intro}
          query={query}
          fresh={query.values.cursor ? 0 : fresh}
          filters={
            <>
              <SelectFilter
                name="status"
                label={m.rejections.status}
                query={query}
                options={[
                  ["", m.rejections.statuses.open ?? ""],
                  ["resolved", m.rejections.statuses.resolved ?? ""],
                  ["dismissed", m.rejections.statuses.dismissed ?? ""],
                  ["all", m.common.all],
                ]}
              />
              <SelectFilter
                name="code"
                label={m.rejections.code}
                query={query}
                options={[
                  ["", m.common.all],
                  ...CAUSES.map((code): [string, string] => [code, m.problems[code] ?? code]),
                ]}
              />
              <LocationFilter query={query} />
              <TextFilter name="actor" label={m.common.by} query={query} search />
              <TextFilter name="device" label={m.common.device} query={query} />
              <PeriodFilter query={query} />
            </>
          }
          resource={{
            ...resource,
            data: resource.data && { ...resource.data, items: rows },
            update: () => undefined,
          }}
          columns={columns(query, groupSizes(rows))}
          rowKey={(row) => row.rejectionId}
          rowClass={(row) => (sentOf(row).group ? "grouped" : "")}
          current={query.values.row}
          selection={may("review_rejections") ? selectionOf(chosen, byKey) : undefined}
          csv={{ path: address("/sync/rejections", undefined, filter), name: "rejections.csv" }}
          empty={{ title: m.rejections.empty, hint: m.rejections.emptyHint }}
        >
          {selected.length > 0 && (
            <div class="selection" role="status">
              <span>{m.rejections.many(selected.length)}</span>
              <button
                type="button"
                onClick={() => {
                  many.value = "retry";
                }}
              >
                {m.rejections.manyRetry(selected.length)}
              </button>
              <button
                type="button"
                onClick={() => {
                  many.value = "dismiss";
                }}
              >
                {m.rejections.manyDismiss(selected.length)}
              </button>
            </div>
          )}
        </ListScreen>
      </div>
      {current && <Detail key={current.rejectionId} row={current} onDone={done} onClose={close} />}
      {many.value && (
        <ManyDialog
          ids={selected.map(idOf)}
          action={many.value}
          onClose={() => {
            many.value = null;
          }}
          onDone={done}
        />
      )}
    </div>
  );
}

/** How many more are open than when the list was loaded; at least 1 if their number changed. */
function useChangedCount(loadedAt: number): number {
  const known = useSignal<number | null>(null);
  useEffect(() => {
    known.value = openRejections.peek();
  }, [loadedAt]);
  useSignalEffect(() => {
    known.value ??= openRejections.value;
  });
  const count = useComputed(() => {
    const [before, now] = [known.value, openRejections.value];
    return before === null || now === null || now <= before ? 0 : now - before;
  });
  return count.value;
}

function rejectionQuery(query: Query) {
  const { status, code, location, actor, device } = query.values;
  return {
    ...periodOf(query),
    ...(status === "all" ? {} : { status: status || "open" }),
    ...(code ? { code } : {}),
    ...(location ? { location } : {}),
    ...(actor ? { actor } : {}),
    ...(device ? { device } : {}),
  };
}

function groupSizes(rows: Rejection[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const row of rows) {
    const { group } = sentOf(row);
    if (group) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  return sizes;
}

function selectionOf(
  chosen: { value: ReadonlySet<string> },
  byKey: Map<string, Rejection>,
): Selection {
  const m = texts.value;
  const isOpen = (key: string) => byKey.get(key)?.status === "open";
  return {
    chosen: chosen.value,
    toggle: (key) => {
      const next = new Set(chosen.value);
      if (!next.delete(key) && isOpen(key)) next.add(key);
      chosen.value = next;
    },
    toggleAll: (keys, on) => {
      chosen.value = new Set(on ? keys.filter(isOpen) : []);
    },
    label: (key) => {
      const row = byKey.get(key);
      return m.common.select(row ? (row.name ?? row.sku ?? idOf(row)) : key);
    },
  };
}

function columns(query: Query, sizes: Map<string, number>): Column<Rejection>[] {
  const m = texts.value;
  return [
    {
      key: "item",
      header: m.stock.item,
      heading: true,
      cell: (row) => (
        <>
          <a
            data-open
            href={withQuery("/console/rejections", { ...query.values, row: row.rejectionId })}
          >
            {row.sku ?? m.rejections.unknownItem}
          </a>
          {row.name && <small> {row.name}</small>}
        </>
      ),
    },
    { key: "what", header: m.rejections.what, cell: (row) => <What row={row} /> },
    {
      key: "why",
      header: m.rejections.why,
      cell: (row) => (
        <>
          {explainRefusal(row)}
          <GroupNote row={row} sizes={sizes} />
        </>
      ),
    },
    {
      key: "by",
      header: m.common.by,
      minor: true,
      cell: (row) => row.device ?? row.actor,
    },
    {
      key: "since",
      header: m.rejections.since,
      minor: true,
      cell: (row) => <Time at={row.firstRejectedAt} />,
    },
    {
      key: "status",
      header: m.rejections.status,
      minor: true,
      cell: (row) => (
        <Badge tone={row.status === "open" ? "warn" : row.status === "resolved" ? "good" : "mute"}>
          {m.rejections.statuses[row.status] ?? row.status}
        </Badge>
      ),
    },
  ];
}

function GroupNote(props: { row: Rejection; sizes: Map<string, number> }) {
  const { group } = sentOf(props.row);
  if (!group) return null;
  return (
    <small class="group-note"> {texts.value.rejections.group(props.sizes.get(group) ?? 1)}</small>
  );
}
