/** A table that becomes a list of cards on a narrow screen. Its roles are explicit, because CSS takes
 * the native ones away. */
import type { ComponentChildren } from "preact";
import { texts } from "../i18n/index.ts";

export interface Column<Row> {
  key: string;
  header: string;
  cell(row: Row): ComponentChildren;
  /** A number or a time, at the right. */
  numeric?: boolean;
  /** Left out beside an open detail. */
  minor?: boolean;
  /** The name of the row. */
  heading?: boolean;
}

export interface Selection {
  chosen: ReadonlySet<string>;
  toggle(key: string): void;
  toggleAll(keys: string[], on: boolean): void;
  label(key: string): string;
}

export function DataTable<Row>(props: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey(row: Row): string;
  rowClass?(row: Row): string;
  current?: string | undefined;
  selection?: Selection | undefined;
}) {
  const { columns, rows, rowKey, selection } = props;
  const keys = rows.map(rowKey);
  return (
    <div class="scroll">
      <table role="table" class="data">
        <caption class="visually-hidden">{props.caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {selection && (
              <th role="columnheader" scope="col" class="tick">
                <input
                  type="checkbox"
                  aria-label={texts.value.rejections.selectAll}
                  checked={keys.length > 0 && keys.every((key) => selection.chosen.has(key))}
                  onChange={(event) => selection.toggleAll(keys, event.currentTarget.checked)}
                />
              </th>
            )}
            {columns.map((column) => (
              <th key={column.key} role="columnheader" scope="col" class={classOf(column)}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const key = rowKey(row);
            return (
              <tr
                key={key}
                role="row"
                data-row={key}
                class={props.rowClass?.(row) ?? ""}
                aria-current={props.current === key ? "true" : undefined}
              >
                {selection && (
                  <td role="cell" class="tick">
                    <input
                      type="checkbox"
                      aria-label={selection.label(key)}
                      checked={selection.chosen.has(key)}
                      onChange={() => selection.toggle(key)}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td
                    key={column.key}
                    role={column.heading ? "rowheader" : "cell"}
                    class={classOf(column)}
                    data-label={column.header}
                  >
                    <span>{column.cell(row)}</span>
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function classOf<Row>(column: Column<Row>): string {
  return [column.numeric && "numeric", column.minor && "minor"].filter(Boolean).join(" ");
}
