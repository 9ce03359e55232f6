/** The common frame of all lists: filters, rows, pages, export, and what is said without rows. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Unreachable } from "../api/client.ts";
import { type Column, DataTable, type Selection } from "../shared/components/DataTable.tsx";
import { Failure, Notice } from "../shared/components/Notice.tsx";
import { format, texts } from "../shared/i18n/index.ts";
import type { Resource } from "../shared/resource.ts";
import type { Query } from "../shared/url.ts";
import { Download } from "./Download.tsx";

export interface Page<Row> {
  items: Row[];
  nextCursor: string | null;
}

export function ListScreen<Row>(props: {
  title: string;
  intro?: string;
  actions?: ComponentChildren;
  filters: ComponentChildren;
  query: Query;
  resource: Resource<Page<Row>>;
  columns: Column<Row>[];
  rowKey(row: Row): string;
  rowClass?(row: Row): string;
  empty: { title: string; hint?: string; actions?: ComponentChildren };
  csv?: { path: string; name: string };
  /** Rows that came since the page was loaded. */
  fresh?: number;
  selection?: Selection | undefined;
  current?: string | undefined;
  children?: ComponentChildren;
}) {
  const { resource, query } = props;
  const m = texts.value;
  return (
    <>
      <ScreenHead title={props.title} actions={props.actions} />
      {props.intro && <p class="intro">{props.intro}</p>}
      <search class="filters" aria-label={m.common.filters}>
        {props.filters}
      </search>
      <div class="toolbar">
        {!!props.fresh && (
          <button type="button" class="fresh" onClick={resource.reload}>
            {m.common.showNew(props.fresh)}
          </button>
        )}
        {props.csv && <Download {...props.csv} />}
      </div>
      {props.children}
      <Await resource={resource}>
        {(page) =>
          page.items.length === 0 ? (
            <Nothing query={query} empty={props.empty} />
          ) : (
            <>
              <DataTable
                caption={props.title}
                columns={props.columns}
                rows={page.items}
                rowKey={props.rowKey}
                {...(props.rowClass ? { rowClass: props.rowClass } : {})}
                selection={props.selection}
                current={props.current}
              />
              <Pager page={page} query={query} />
            </>
          )
        }
      </Await>
    </>
  );
}

export function ScreenHead(props: { title: string; actions?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${props.title} · stockledger`;
  }, [props.title]);
  return (
    <div class="screen-head">
      <h1>{props.title}</h1>
      {props.actions && <div class="buttons">{props.actions}</div>}
    </div>
  );
}

/** A bar over rows that may be old, because there is no connection or the server has a fault. */
function Stale<T>(props: { resource: Resource<T> }) {
  const { data, error, at } = props.resource;
  if (data === undefined || error === undefined) return null;
  const time = format.value.time(new Date(at).toISOString());
  return error instanceof Unreachable ? (
    <p class="stale" role="status">
      {texts.value.connection.stale(time)}
    </p>
  ) : (
    <Failure error={error} onRetry={props.resource.reload} />
  );
}

/** Shows data as soon as it is there, and until then why it is not. */
export function Await<T>(props: { resource: Resource<T>; children(data: T): ComponentChildren }) {
  const { resource } = props;
  if (resource.data !== undefined) {
    return (
      <>
        <Stale resource={resource} />
        {props.children(resource.data)}
      </>
    );
  }
  if (resource.error === undefined) return <Loading />;
  return <Failure error={resource.error} onRetry={resource.reload} />;
}

function Loading() {
  return (
    <p class="loading" role="status">
      {texts.value.common.loading}
    </p>
  );
}

function Nothing(props: {
  query: Query;
  empty: { title: string; hint?: string; actions?: ComponentChildren };
}) {
  const m = texts.value;
  const isFiltered = Object.entries(props.query.values).some(
    ([name, value]) => value !== "" && !["tab", "row"].includes(name),
  );
  return isFiltered ? (
    <Notice title={m.states.noMatch}>
      <button type="button" onClick={props.query.clear}>
        {m.common.clearFilters}
      </button>
    </Notice>
  ) : (
    <Notice title={props.empty.title}>
      {props.empty.hint && <p>{props.empty.hint}</p>}
      {props.empty.actions}
    </Notice>
  );
}

export function Pager<Row>(props: { page: Page<Row>; query: Query }) {
  const m = texts.value;
  const { page, query } = props;
  return (
    <div class="pager">
      <p role="status">{m.common.rowsShown(page.items.length, page.nextCursor !== null)}</p>
      {query.values.cursor && (
        <button type="button" onClick={() => query.set({ cursor: "" })}>
          {m.common.firstPage}
        </button>
      )}
      {page.nextCursor && (
        <button type="button" onClick={() => query.set({ cursor: page.nextCursor ?? "" })}>
          {m.common.nextPage}
        </button>
      )}
    </div>
  );
}
