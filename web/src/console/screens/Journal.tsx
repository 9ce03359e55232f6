/** The journal: everything that is recorded, newest first. */
import { useCallback } from "preact/hooks";
import { address, request, type Schemas } from "../../api/client.ts";
import type { Column } from "../../shared/components/DataTable.tsx";
import { CheckField } from "../../shared/components/Field.tsx";
import { Badge } from "../../shared/components/Notice.tsx";
import { Happened, Time } from "../../shared/components/Time.tsx";
import { startOfDay } from "../../shared/format.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { type Query, useQueryState } from "../../shared/url.ts";
import { LocationFilter, PeriodFilter, periodOf, SelectFilter, TextFilter } from "../filters.tsx";
import { type LiveChange, useFresh } from "../freshness.ts";
import { ListScreen } from "../ListScreen.tsx";
import { DownloadProof } from "../proof/DownloadProof.tsx";
import { itemPath } from "../screens.ts";

type Movement = Schemas["MovementRecord"];

export function Journal() {
  const m = texts.value;
  const query = useQueryState();
  const filter = journalQuery(query);
  const wanted = { ...filter, limit: settings.value.rows, cursor: query.values.cursor };
  const resource = useResource(`movements ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/movements", { query: wanted as object, signal }),
  );
  const matches = useCallback(
    (change: LiveChange) => isWanted(query.values, change),
    [JSON.stringify(filter)],
  );
  const fresh = useFresh(resource, matches);
  return (
    <ListScreen
      title={m.journal.title}
      query={query}
      fresh={query.values.cursor ? 0 : fresh}
      filters={
        <>
          <LocationFilter query={query} />
          <SelectFilter
            name="type"
            label={m.journal.type}
            query={query}
            options={[["", m.common.all], ...Object.entries(m.types)]}
          />
          <TextFilter name="actor" label={m.journal.actor} query={query} search />
          <TextFilter name="device" label={m.common.device} query={query} />
          <TextFilter name="reference" label={m.journal.reference} query={query} />
          <PeriodFilter query={query} />
          <CheckField
            label={m.journal.wasRefused}
            checked={query.values.wasRefused === "true"}
            onInput={(on) => query.set({ wasRefused: on ? "true" : "" })}
          />
        </>
      }
      resource={resource}
      columns={movementColumns()}
      rowKey={(row) => row.localId}
      rowClass={(row) => (row.voidedBy ? "voided" : "")}
      csv={{ path: address("/movements", undefined, filter), name: "movements.csv" }}
      empty={{ title: m.journal.empty, hint: m.journal.emptyHint }}
    />
  );
}

/** Whether the filter of the journal lets a new movement through. */
function isWanted(wanted: Record<string, string>, change: LiveChange): boolean {
  const moved = change.transaction;
  const { location, type, actor, device, reference, wasRefused, to } = wanted;
  return (
    !!moved &&
    (!location || change.location === location) &&
    (!type || moved.type === type) &&
    (!actor || change.actor === actor) &&
    (!device || moved.device === device) &&
    (!reference || moved.reference === reference) &&
    (!wasRefused || !!moved.refusedAt) &&
    (!to || change.recordedAt < (startOfDay(to, 1) ?? ""))
  );
}

function journalQuery(query: Query) {
  const { location, type, actor, device, reference, wasRefused } = query.values;
  return {
    ...periodOf(query),
    ...(location ? { location } : {}),
    ...(type ? { type } : {}),
    ...(actor ? { actor } : {}),
    ...(device ? { device } : {}),
    ...(reference ? { reference } : {}),
    ...(wasRefused ? { wasRefused } : {}),
  };
}

export function movementColumns(): Column<Movement>[] {
  const m = texts.value;
  return [
    {
      key: "recorded",
      header: m.common.when,
      cell: (row) => <Time at={row.recordedAt} />,
    },
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
    { key: "location", header: m.common.location, cell: (row) => row.location },
    {
      key: "type",
      header: m.journal.type,
      cell: (row) => (
        <>
          {m.types[row.type] ?? row.type}
          {row.voidedBy && <Badge tone="mute">{m.item.voided}</Badge>}
        </>
      ),
    },
    {
      key: "delta",
      header: m.item.delta,
      numeric: true,
      cell: (row) => format.value.signed(row.delta),
    },
    {
      key: "after",
      header: m.item.after,
      numeric: true,
      cell: (row) => format.value.number(row.onHand),
    },
    {
      key: "happened",
      header: m.common.happened,
      cell: (row) => <Happened occurredAt={row.occurredAt} recordedAt={row.recordedAt} />,
    },
    {
      key: "by",
      header: m.common.by,
      cell: (row) => (
        <>
          {row.actor}
          {row.device && row.device !== row.actor && <small> · {row.device}</small>}
        </>
      ),
    },
    {
      key: "note",
      header: m.common.note,
      cell: (row) => <Remarks movement={row} />,
    },
    {
      key: "actions",
      header: m.common.more,
      cell: (row) => (
        <DownloadProof localId={row.localId} of={`${row.sku} ${format.value.signed(row.delta)}`} />
      ),
    },
  ];
}

/** What else is known of a movement, in words. */
export function Remarks(props: {
  movement: Pick<
    Movement,
    "coveredAt" | "reason" | "note" | "reference" | "refusedAt" | "override"
  >;
}) {
  const m = texts.value;
  const { coveredAt, reason, note, reference, refusedAt, override } = props.movement;
  const remarks = [
    reason && (m.item.reasons[reason] ?? reason),
    note,
    reference,
    coveredAt && m.item.covered(format.value.time(coveredAt)),
    refusedAt && m.item.wasRefused,
    override && m.item.override,
  ].filter((remark) => typeof remark === "string" && remark !== "");
  return <>{remarks.join(" · ")}</>;
}
