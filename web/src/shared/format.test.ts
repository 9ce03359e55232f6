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

test("numbers are read as the page writes them", () => {
  const read = ["1,000", "1,234,567.5", "1.5", "1,5", "−3", "+2", " 7 ", "1.000"].map(en.parse);
  assert.deepEqual(read, [1000, 1234567.5, 1.5, 1.5, -3, 2, 7, 1]);
  const de = formatFor("de");
  assert.deepEqual(["1.000", "1,5", "1.5", "1.234,5"].map(de.parse), [1000, 1.5, 1.5, 1234.5]);
  for (const value of [1000, 0.125, -1234.5, 1.125]) {
    assert.equal(de.parse(de.plain(value)), value);
    assert.equal(de.parse(de.number(value)), value);
  }
  for (const text of ["", "many", "1,00,000", "1.2.3", "--1", "1e3"]) {
    assert.equal(en.parse(text), undefined);
  }
});
