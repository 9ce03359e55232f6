import assert from "node:assert/strict";
import { test } from "node:test";
import { linear, timeTicks } from "./scale.ts";

test("ticks are round, and include the whole domain", () => {
  assert.deepEqual(linear([0, 24], [0, 100], 4).ticks, [0, 10, 20, 30]);
  assert.deepEqual(linear([-3, 0.5], [0, 100], 4).ticks, [-3, -2, -1, 0, 1]);
  assert.deepEqual(linear([0, 0], [0, 100], 4).ticks, [0, 1]);
  assert.deepEqual(linear([0.1, 0.35], [0, 100], 3).ticks, [0.1, 0.2, 0.3, 0.4]);
});

test("the domain maps to the range", () => {
  const y = linear([0, 10], [200, 0], 5);
  assert.deepEqual([y(0), y(5), y(10)], [200, 100, 0]);
});

test("a time axis has local midnights", () => {
  const from = new Date(2026, 2, 28, 15).getTime();
  const ticks = timeTicks(from, from + 4 * 86_400_000, 10);
  assert.equal(ticks.length, 4);
  for (const tick of ticks) assert.equal(new Date(tick).getHours(), 0);
});

test("a short period has hours", () => {
  const ticks = timeTicks(0, 3_600_000, 4);
  assert.equal(ticks.length, 4);
  assert.ok(ticks.every((tick) => tick > 0 && tick < 3_600_000));
});
