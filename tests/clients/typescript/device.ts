// Device client in another language, written only from docs/sync.md and the generated types. Its
// outbox and its copy are in one JSON file, which each change rewrites as a whole:
// node device.ts URL KEY FILE COMMAND…
//
//   record TYPE ITEM QUANTITY   records a transaction in the outbox
//   sync                        sends the outbox, and updates the copy
//   show                        prints the outbox and the copy

import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { components } from "./api.d.ts";

type Schemas = components["schemas"];
type Transaction = Schemas["TransactionElement"];
type Known = { onHand: number; version: number; name: string; active: boolean };
type Memory = {
  outbox: Transaction[];
  acknowledged: Transaction[];
  rejected: { transaction: Transaction; code: string }[];
  stock: Record<string, Known>;
  after: string | null;
};

const BATCH = 20;
const PAGE = 100;
const ATTEMPTS = 60;
const AGAIN = new Set([408, 429, 502, 503, 504]);

const [url, key, file, command, ...rest] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...string[],
];

const memory: Memory = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { outbox: [], acknowledged: [], rejected: [], stock: {}, after: null };

function save(): void {
  writeFileSync(`${file}.new`, JSON.stringify(memory));
  renameSync(`${file}.new`, file);
}

class UnknownPosition extends Error {}

async function request<Answer>(
  method: string,
  path: string,
  body?: () => unknown,
): Promise<Answer> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const answer = await fetch(url + path, {
        method,
        headers: {
          Authorization: `Bearer ${key}`,
          ...(body ? { "Content-Type": "application/json" } : {}),
        },
        ...(body ? { body: JSON.stringify(body()) } : {}),
        signal: AbortSignal.timeout(10_000),
      });
      if (answer.ok) return (await answer.json()) as Answer;
      if (!AGAIN.has(answer.status)) {
        const problem = (await answer.json()) as Schemas["Problem"];
        if (problem.code === "UNKNOWN_POSITION") throw new UnknownPosition(problem.detail);
        throw new TypeError(`refused: ${problem.code} ${problem.detail}`);
      }
    } catch (error) {
      if (error instanceof UnknownPosition) throw error;
      if (error instanceof TypeError && error.message.startsWith("refused")) throw error;
    }
    await sleep(Math.random() * 2 ** Math.min(attempt, 5));
  }
  throw new Error("unreachable");
}

function acknowledge(localId: string): void {
  const found = memory.outbox.find((one) => one.localId === localId);
  memory.outbox = memory.outbox.filter((one) => one.localId !== localId);
  memory.rejected = memory.rejected.filter((one) => one.transaction.localId !== localId);
  if (found) memory.acknowledged.push(found);
}

function apply(changes: Schemas["ChangeList"]): void {
  for (const change of changes.items) {
    const known = memory.stock[change.itemId];
    if (change.details) {
      memory.stock[change.itemId] = {
        onHand: known?.onHand ?? 0,
        version: known?.version ?? 0,
        active: known?.active ?? true,
        name: change.details.name,
      };
    }
    const item = memory.stock[change.itemId];
    if (item && change.version > item.version) {
      item.onHand = change.onHand;
      item.version = change.version;
      if (change.kind === "ItemDiscontinued") item.active = false;
      if (change.kind === "ItemReactivated") item.active = true;
    }
    if (change.transaction) acknowledge(change.transaction.localId);
  }
  memory.after = changes.nextAfter;
}

async function push(): Promise<void> {
  let sent = memory.outbox.slice();
  while (sent.length > 0) {
    const batch = sent.splice(0, BATCH);
    const answer = await request<Schemas["SyncResponse"]>("POST", "/sync/transactions", () => ({
      transactions: batch,
      sentAt: new Date().toISOString(),
      ...(memory.after === null ? {} : { after: memory.after, limit: PAGE }),
    }));
    for (const row of answer.synced) acknowledge(row.localId);
    for (const row of answer.failed) {
      const transaction = batch[row.index];
      if (row.retryable || !transaction) continue;
      memory.outbox = memory.outbox.filter((one) => one.localId !== transaction.localId);
      memory.rejected.push({ transaction, code: row.code });
    }
    if (answer.changes) apply(answer.changes);
    if (answer.changesProblem?.code === "UNKNOWN_POSITION") memory.after = null;
    save();
  }
}

async function copy(): Promise<void> {
  const stock: Memory["stock"] = {};
  let cursor: string | null = null;
  let page: Schemas["ItemPage"];
  do {
    const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    page = await request<Schemas["ItemPage"]>("GET", `/items?limit=2${more}`);
    for (const { itemId, onHand, version, name, active } of page.items) {
      stock[itemId] = { onHand, version, name, active };
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  memory.stock = stock;
  memory.after = page.nextAfter;
  save();
}

async function startAnew(): Promise<void> {
  if (memory.acknowledged.length > 0) {
    const localIds = memory.acknowledged.map((one) => one.localId);
    const { statuses } = await request<Schemas["StatusResponse"]>("POST", "/sync/status", () => ({
      localIds,
    }));
    const lost = new Set(
      statuses.filter((one) => one.status !== "recorded").map((one) => one.localId),
    );
    memory.outbox = [
      ...memory.acknowledged.filter((one) => lost.has(one.localId)),
      ...memory.outbox,
    ];
    memory.acknowledged = memory.acknowledged.filter((one) => !lost.has(one.localId));
    save();
    await push();
  }
  await copy();
}

async function pull(): Promise<void> {
  let more = true;
  while (more) {
    const after = encodeURIComponent(memory.after ?? "");
    const page = await request<Schemas["ChangeList"]>(
      "GET",
      `/sync/changes?after=${after}&limit=${PAGE}`,
    );
    apply(page);
    save();
    more = page.hasMore;
  }
}

async function sync(): Promise<void> {
  await push();
  if (memory.after === null) await startAnew();
  try {
    await pull();
  } catch (error) {
    if (!(error instanceof UnknownPosition)) throw error;
    await startAnew();
    await pull();
  }
}

switch (command) {
  case "record": {
    const [type, itemId, quantity] = rest as [Transaction["type"], string, string];
    memory.outbox.push({
      localId: randomUUID(),
      type,
      itemId,
      quantity: Number(quantity),
      occurredAt: new Date().toISOString(),
    });
    save();
    break;
  }
  case "sync":
    await sync();
    break;
  case "show":
    break;
  default:
    throw new Error(`no command ${command}`);
}
console.log(JSON.stringify(memory));
