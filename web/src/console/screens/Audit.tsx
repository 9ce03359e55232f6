/** The audit trail: what was refused, and what was done with access. */
import { address, request, type Schemas } from "../../api/client.ts";
import type { Column } from "../../shared/components/DataTable.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { settings } from "../../shared/settings.ts";
import { useQueryState } from "../../shared/url.ts";
import { PeriodFilter, periodOf, SelectFilter, TextFilter } from "../filters.tsx";
import { ListScreen } from "../ListScreen.tsx";

type Entry = Schemas["AuditRecord"];

export function Audit() {
  const m = texts.value;
  const query = useQueryState();
  const { action, actor } = query.values;
  const filter = {
    ...periodOf(query),
    ...(action ? { action } : {}),
    ...(actor ? { actor } : {}),
  };
  const wanted = { ...filter, limit: settings.value.rows, cursor: query.values.cursor };
  const resource = useResource(`audit ${JSON.stringify(wanted)}`, (signal) =>
    request("get", "/audit", { query: wanted as object, signal }),
  );
  return (
    <ListScreen
      title={m.audit.title}
      query={query}
      filters={
        <>
          <SelectFilter
            name="action"
            label={m.audit.action}
            query={query}
            options={[["", m.common.all], ...Object.entries(m.audit.actions)]}
          />
          <TextFilter name="actor" label={m.common.by} query={query} search />
          <PeriodFilter query={query} />
        </>
      }
      resource={resource}
      columns={columns()}
      rowKey={(entry) => entry.entryId}
      csv={{ path: address("/audit", undefined, filter), name: "audit.csv" }}
      empty={{ title: m.audit.empty }}
    />
  );
}

function columns(): Column<Entry>[] {
  const m = texts.value;
  return [
    { key: "when", header: m.common.when, cell: (entry) => <Time at={entry.recordedAt} /> },
    {
      key: "action",
      header: m.audit.action,
      heading: true,
      cell: (entry) => m.audit.actions[entry.action] ?? entry.action,
    },
    {
      key: "by",
      header: m.common.by,
      cell: (entry) => (
        <>
          {entry.actor ?? m.common.none}
          {entry.keyId && <small> · {entry.keyId}</small>}
        </>
      ),
    },
    { key: "address", header: m.audit.address, cell: (entry) => entry.address ?? m.common.none },
    {
      key: "detail",
      header: m.audit.detail,
      cell: (entry) => (
        <span lang="en" title={entry.requestId ? m.common.reference(entry.requestId) : undefined}>
          {entry.detail}
        </span>
      ),
    },
  ];
}
