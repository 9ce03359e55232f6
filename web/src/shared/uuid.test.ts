import assert from "node:assert/strict";
import { test } from "node:test";
import { itemId, voidId } from "./uuid.ts";

test("item ids are those of the ledger", async () => {
  assert.equal(await itemId("main", "TEA-250"), "25611397-d162-5417-9427-6c759c4ceb9c");
  assert.equal(await itemId("창고", "Käse"), "f96120bb-82ac-504c-a6fd-86a5da5694f9");
  assert.equal(await itemId("창고", "Ka\u0308se"), "f96120bb-82ac-504c-a6fd-86a5da5694f9");
});

test("a VOID has the id of the ledger", async () => {
  const voided = "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01";
  assert.equal(await voidId(voided), "8285d761-27c1-5d8f-9a12-91d88871ab1d");
});
