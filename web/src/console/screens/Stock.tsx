/** The stock list. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { address, request, type Schemas } from "../../api/client.ts";
import type { Column } from "../../shared/components/DataTable.tsx";
import { Badge } from "../../shared/components/Notice.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { type Query, useQueryState } from "../../shared/url.ts";
import { RegisterItem } from "../dialogs/RegisterItem.tsx";
import { LocationFilter, SelectFilter, TextFilter } from "../filters.tsx";
import { ListScreen } from "../ListScreen.tsx";
import { onChanges } from "../live.ts";
import { itemPath } from "../screens.ts";
import { may } from "../session.ts";

export type Item = Schemas["Item"];

export function Stock() {
  const m = texts.value;
  const query = useQueryState();
  const registering = useSignal(false);
  const wanted = { ...stockQuery(query), limit: settings.value.rows, cursor: query.values.cursor };
  const resource = useStock(wanted);
  const register = may("manage_items") && (
    <button
      type="button"
      class="primary"
      onClick={() => {
        registering.value = true;
      }}
    >
      {m.stock.register}
    </button>
  );
  return (
    <>
      <ListScreen
        title={m.stock.title}
        actions={register}
        query={query}
        filters={
          <>
            <TextFilter name="q" label={m.stock.search} query={query} search />
            <TextFilter name="code" label={m.stock.code} query={query} />
            <LocationFilter query={query} />
            <SelectFilter
              name="show"
              label={m.stock.status}
              query={query}
              options={[
                ["", m.common.all],
                ["active", m.stock.active],
                ["low", m.stock.below],
                ["negative", m.stock.negative],
                ["provisional", m.stock.provisional],
                ["discontinued", m.stock.discontinued],
              ]}
            />
          </>
        }
        resource={resource}
        columns={stockColumns()}
        rowKey={(item) => item.itemId}
        csv={{ path: address("/items", undefined, stockQuery(query)), name: "stock.csv" }}
        empty={{
          title: m.stock.empty,
          hint: m.stock.emptyHint,
          actions: may("manage_items") && <a href="/console/files">{m.stock.import}</a>,
        }}
      />
      {registering.value && (
        <RegisterItem
          onClose={() => {
            registering.value = false;
          }}
          onDone={resource.reload}
        />
      )}
    </>
  );
}

/** A page of the stock list. Quantities follow the ledger; rows stay where they are. */
export function useStock(wanted: object) {
  const resource = useResource(`items ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/items", { query: wanted, signal }),
  );
  const newest = useRef(new Map<string, Schemas["ChangeRecord"]>());
  const apply = () =>
    resource.update((page) => ({
      ...page,
      items: page.items.map((item) => changed(item, newest.current.get(item.itemId))),
    }));
  useEffect(
    () =>
      onChanges((changes) => {
        for (const change of changes.items) newest.current.set(change.itemId, change);
        apply();
      }),
    [],
  );
  // An answer may be older than a change that came while it was on its way.
  useEffect(apply, [resource.at]);
  return resource;
}

function changed(item: Item, change: Schemas["ChangeRecord"] | undefined): Item {
  if (!change || change.version <= item.version) return item;
  const { onHand, version, recordedAt } = change;
  const active =
    change.kind === "ItemDiscontinued" ? false : change.kind === "ItemReactivated" || item.active;
  return { ...item, ...(change.details ?? {}), onHand, version, updatedAt: recordedAt, active };
}

function stockQuery(query: Query) {
  const { q, code, location, show } = query.values;
  return {
    ...(q ? { q } : {}),
    ...(code ? { code } : {}),
    ...(location ? { location } : {}),
    ...(show === "active" || show === "discontinued" ? { active: String(show === "active") } : {}),
    ...(show === "low" ? { belowSafetyStock: true } : {}),
    ...(show === "negative" ? { negative: true } : {}),
    ...(show === "provisional" ? { provisional: true } : {}),
  };
}

export function stockColumns(extra: Column<Item>[] = []): Column<Item>[] {
  const m = texts.value;
  return [
    {
      key: "sku",
      header: m.stock.sku,
      heading: true,
      cell: (item) => (
        <a data-open href={itemPath(item.itemId)}>
          {item.sku}
        </a>
      ),
    },
    { key: "name", header: m.item.name, cell: (item) => item.name },
    { key: "location", header: m.common.location, cell: (item) => item.location },
    {
      key: "onHand",
      header: m.stock.onHand,
      numeric: true,
      cell: (item) => <Quantity value={item.onHand} unit={item.unit} />,
    },
    {
      key: "safetyStock",
      header: m.stock.safetyStock,
      numeric: true,
      cell: (item) => format.value.number(item.safetyStock),
    },
    ...extra,
    { key: "state", header: m.stock.state, cell: (item) => <ItemState item={item} /> },
    {
      key: "updated",
      header: m.stock.updated,
      numeric: true,
      cell: (item) => <Time at={item.updatedAt} />,
    },
  ];
}

export function Quantity(props: { value: number; unit?: string }) {
  return (
    <>
      {format.value.number(props.value)}
      {props.unit && <small class="unit"> {props.unit}</small>}
    </>
  );
}

export function ItemState({ item }: { item: Item }) {
  const m = texts.value;
  return (
    <>
      {!item.active && <Badge tone="mute">{m.stock.isDiscontinued}</Badge>}
      {item.provisional && <Badge tone="warn">{m.stock.isProvisional}</Badge>}
      {item.onHand < 0 ? (
        <Badge tone="bad">{m.stock.isNegative}</Badge>
      ) : (
        item.active && item.onHand < item.safetyStock && <Badge tone="warn">{m.stock.isLow}</Badge>
      )}
    </>
  );
}
