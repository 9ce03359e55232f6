/** What a rejected entry asks for, and what a retry would do. Pure: no requests. */
import type { Schemas } from "../../api/client.ts";
import { round } from "../../shared/quantities.ts";

export type Rejection = Schemas["RejectedTransaction"];

/** The fields of the entry as it was sent, as far as they can be read. */
export interface Sent {
  type?: string;
  quantity?: number | undefined;
  group?: string | undefined;
  scanned?: string | undefined;
}

export function sentOf(row: Rejection): Sent {
  const { transaction } = row;
  if (typeof transaction !== "object" || transaction === null) return {};
  const text = (name: string) => {
    const value = (transaction as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  };
  const quantity = Number((transaction as Record<string, unknown>).quantity);
  return {
    type: text("type") ?? "",
    quantity: Number.isFinite(quantity) ? quantity : undefined,
    group: text("group"),
    scanned: text("scanned"),
  };
}

/** The id under which the API knows it. */
export function idOf(row: Rejection): string {
  return row.localId ?? row.rejectionId;
}

export interface Forecast {
  before: number;
  after: number;
  /** What is missing to stay at the floor; 0 if nothing is. */
  missing: number;
}

/** What recording it now would do; undefined where only the server can tell. */
export function forecast(
  sent: Sent,
  item: Pick<Schemas["Item"], "onHand" | "floor">,
): Forecast | undefined {
  const { type, quantity } = sent;
  if (quantity === undefined) return undefined;
  const sign = type === "OUTBOUND" ? -1 : type === "INBOUND" || type === "ADJUST" ? 1 : 0;
  if (sign === 0) return undefined;
  const after = round(item.onHand + sign * quantity);
  // Goods in and corrections upwards may end below the floor; goods out may not.
  const limit = type === "INBOUND" ? null : type === "ADJUST" ? 0 : item.floor;
  const missing = limit === null || after >= limit ? 0 : round(limit - after);
  return { before: item.onHand, after, missing };
}

/** Rows in the order of the list, but with those of a group together, where its first one stands. */
export function grouped(rows: Rejection[]): Rejection[][] {
  const groups = new Map<string, Rejection[]>();
  for (const row of rows) {
    const key = sentOf(row).group ?? row.rejectionId;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}
