import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFor, localDay, startOfDay } from "./format.ts";

const en = formatFor("en");

test("a difference has its sign, and a real minus", () => {
  assert.deepEqual([3, -3, 0, -1234.5].map(en.signed), ["+3", "−3", "0", "−1,234.5"]);
});

test("a day begins at local midnight, and ends with the next", () => {
  const start = startOfDay("2026-03-31");
  assert.ok(start);
  assert.equal(localDay(start), "2026-03-31");
  assert.equal(localDay(startOfDay("2026-03-31", 1) ?? ""), "2026-04-01");
  assert.equal(startOfDay(""), undefined);
});

test("times are told by their largest unit", () => {
  const now = Date.parse("2026-01-08T12:00:00Z");
  assert.equal(en.relative("2026-01-08T09:00:00Z", now), "3 hours ago");
  assert.equal(en.relative("2026-01-14T12:00:00Z", now), "in 6 days");
  assert.equal(en.length(90 * 60_000), "2 hours");
});
