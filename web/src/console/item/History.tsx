/** Everything that happened to an item, newest first. */
import type { Schemas } from "../../api/client.ts";
import { type Column, DataTable } from "../../shared/components/DataTable.tsx";
import { Badge } from "../../shared/components/Notice.tsx";
import { Happened, Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import type { Query } from "../../shared/url.ts";
import { Pager } from "../ListScreen.tsx";
import { DownloadProof } from "../proof/DownloadProof.tsx";
import { Remarks } from "../screens/Journal.tsx";
import type { Item } from "../screens/Stock.tsx";
import { may } from "../session.ts";

export type Event = Schemas["ItemEvent"];
type CodeEvent = Schemas["CodeChangeRecord"];
type Row = { position: number; item: Event } | { position: number; code: CodeEvent };

/** A mistaken count is corrected by another one. */
const NEVER_VOIDED = ["VOID", "COUNT"];

export function HistoryTable(props: {
  item: Item;
  page: Schemas["ItemEventPage"];
  query: Query;
  undo(movement: Event): void;
}) {
  const { item, page, query } = props;
  const rows = rowsOf(page);
  return (
    <>
      <DataTable
        caption={texts.value.item.history}
        columns={historyColumns(item, props.undo)}
        rows={rows}
        rowKey={(row) => String(row.position)}
        rowClass={(row) => ("item" in row && row.item.voidedBy ? "voided" : "")}
      />
      <Pager page={{ items: rows, nextCursor: page.nextCursor }} query={query} />
    </>
  );
}

function rowsOf(page: Schemas["ItemEventPage"]): Row[] {
  const rows: Row[] = [
    ...page.items.map((item) => ({ position: item.position, item })),
    ...page.codes.map((code) => ({ position: code.position, code })),
  ];
  return rows.sort((one, other) => other.position - one.position);
}

function historyColumns(item: Item, undo: (movement: Event) => void): Column<Row>[] {
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
      key: "actions",
      header: m.common.more,
      cell: (row) => {
        const moved = transaction(row);
        if (!("item" in row && moved)) return "";
        const canUndo =
          !NEVER_VOIDED.includes(moved.type) &&
          !row.item.voidedBy &&
          item.active &&
          may("void_any");
        return (
          <span class="row-actions">
            {canUndo && (
              <button type="button" class="link" onClick={() => undo(row.item)}>
                {m.item.undo}
              </button>
            )}
            <DownloadProof
              localId={moved.localId}
              of={`${m.types[moved.type] ?? moved.type} ${format.value.signed(moved.delta)}`}
            />
          </span>
        );
      },
    },
  ];
}
