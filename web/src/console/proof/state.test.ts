import assert from "node:assert/strict";
import { test } from "node:test";
import { localIdIn, MAX_AGE_MS, partsOf, type Verification, warningsOf } from "./state.ts";

const FINISHED = "2026-01-08T12:00:00Z";
const DONE = Date.parse(FINISHED);

function verified(findings: number): Verification {
  return { finishedAt: FINISHED, findings } as Verification;
}

test("findings and age are warned of, each for itself", () => {
  assert.deepEqual(warningsOf(null, DONE), ["never"]);
  assert.deepEqual(warningsOf(verified(0), DONE), []);
  assert.deepEqual(warningsOf(verified(3), DONE), ["found"]);
  assert.deepEqual(warningsOf(verified(3), DONE + MAX_AGE_MS + 1), ["found", "old"]);
});

test("a verification is old after 30 days, not on the thirtieth", () => {
  assert.deepEqual(warningsOf(verified(0), DONE + MAX_AGE_MS), []);
  assert.deepEqual(warningsOf(verified(0), DONE + MAX_AGE_MS + 1), ["old"]);
});

test("a root is the sum of its parts", () => {
  const root = "0123456789abcdef".repeat(4);
  const parts = partsOf(root);
  assert.equal(parts.length, 8);
  assert.deepEqual(parts[1], { start: 8, text: "89abcdef" });
  assert.equal(parts.map((part) => part.text).join(""), root);
  assert.deepEqual(partsOf(""), []);
});

test("an id is found as people paste it", () => {
  const id = "6b1f9f3e-2c4d-4f5a-8b6c-0a1b2c3d4e5f";
  for (const typed of [id, ` ${id}\n`, id.toUpperCase(), `"${id}"`, `{${id}}`]) {
    assert.equal(localIdIn(typed), id);
  }
  for (const typed of ["", "COFFEE-1K", `${id}0`, `${id}/..`, id.slice(1)]) {
    assert.equal(localIdIn(typed), undefined);
  }
});
