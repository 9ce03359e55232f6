// The batch of the README, a registration and a change of one field, with the generated types:
// node readme.ts URL

import type { components } from "./api.d.ts";

type Schemas = components["schemas"];

const url = process.argv[2]!;

async function send<Answer>(method: string, path: string, body: unknown): Promise<Answer> {
  const answer = await fetch(url + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

const registration: Schemas["Registration"] = {
  location: "main",
  sku: "TEA-250",
  name: "Green tea 250 g",
  unit: "box",
};
const item = await send<Schemas["Item"]>("POST", "/items", registration);

const batch: Schemas["SyncRequest"] = {
  transactions: [
    {
      localId: "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01",
      type: "INBOUND",
      quantity: 24,
      itemId: item.itemId,
      occurredAt: "2026-01-08T09:14:03+09:00",
    },
    {
      localId: "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
      type: "OUTBOUND",
      quantity: 99,
      itemId: item.itemId,
    },
  ],
};
const answer = await send<Schemas["SyncResponse"]>("POST", "/sync/transactions", batch);

const change: Schemas["DetailsChange"] = { safetyStock: 5 };
const changed = await send<Schemas["Item"]>("PATCH", `/items/${item.itemId}`, change);

const code: Schemas["FailedTransaction"]["code"] | undefined = answer.failed[0]?.code;
console.log(
  JSON.stringify({
    onHand: answer.synced[0]?.onHand,
    code,
    name: changed.name,
    safetyStock: changed.safetyStock,
  }),
);
