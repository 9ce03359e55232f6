import assert from "node:assert/strict";
import { test } from "node:test";
import { forecast, grouped, type Rejection, sentOf } from "./entry.ts";

function row(rejectionId: string, transaction: unknown): Rejection {
  return { rejectionId, transaction } as Rejection;
}

test("a sale below the floor is missing what is left", () => {
  const sale = { type: "OUTBOUND", quantity: 12 };
  assert.deepEqual(forecast(sale, { onHand: 3, floor: 0 }), { before: 3, after: -9, missing: 9 });
  assert.equal(forecast(sale, { onHand: 3, floor: -20 })?.missing, 0);
  assert.equal(forecast(sale, { onHand: 3, floor: null })?.missing, 0);
  assert.equal(
    forecast({ type: "OUTBOUND", quantity: 0.3 }, { onHand: 0.1, floor: 0 })?.missing,
    0.2,
  );
});

test("only the server knows what a count does", () => {
  assert.equal(forecast({ type: "COUNT", quantity: 3 }, { onHand: 1, floor: 0 }), undefined);
});

test("an entry that can't be read has no fields", () => {
  assert.deepEqual(sentOf(row("1", "{broken")), {});
  assert.equal(sentOf(row("1", { quantity: "many" })).quantity, undefined);
});

test("a group stands together, where its first entry stands", () => {
  const rows = [row("1", { group: "g" }), row("2", {}), row("3", { group: "g" })];
  const ids = grouped(rows).map((group) => group.map((one) => one.rejectionId));
  assert.deepEqual(ids, [["1", "3"], ["2"]]);
});
