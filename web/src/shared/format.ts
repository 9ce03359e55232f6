/** Numbers and times as people read them. */

export interface Format {
  number(value: number): string;
  /** As a person types it: without groups of thousands. */
  plain(value: number): string;
  /** Reads what a person typed. Undefined if it is no number. */
  parse(text: string): number | undefined;
  /** With its sign: +3, −3. */
  signed(value: number): string;
  time(iso: string): string;
  date(iso: string): string;
  day(iso: string): string;
  /** "3 hours ago", "in 6 days". */
  relative(iso: string, now: number): string;
  /** A length of time, such as "3 hours". */
  length(milliseconds: number): string;
  plural(count: number): Intl.LDMLPluralRule;
}

const UNITS: [Intl.RelativeTimeFormatUnit & ("day" | "hour" | "minute"), number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

export function formatFor(language: string): Format {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 6 });
  const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 6, useGrouping: false });
  const signed = new Intl.NumberFormat(language, {
    maximumFractionDigits: 6,
    signDisplay: "exceptZero",
  });
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const plurals = new Intl.PluralRules(language);
  return {
    plain: (value) => plain.format(value).replace("-", "−"),
    parse: (text) => parseNumber(text, number.formatToParts(1234567.8)),
    number: (value) => number.format(value).replace("-", "−"),
    signed: (value) => signed.format(value).replace("-", "−"),
    time: (iso) => time.format(new Date(iso)),
    date: (iso) => date.format(new Date(iso)),
    day: localDay,
    relative: (iso, now) => {
      const difference = Date.parse(iso) - now;
      const [unit, size] = unitOf(difference);
      return relative.format(Math.round(difference / size), unit);
    },
    length: (milliseconds) => {
      const [unit, size] = unitOf(milliseconds);
      return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(
        Math.round(milliseconds / size),
      );
    },
    plural: (count) => plurals.select(count),
  };
}

/** The day of an instant in this time zone, as an input of type date has it: 2026-01-08. */
export function localDay(iso: string): string {
  const at = new Date(iso);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The instant at which a local day begins, `days` later. An empty text gives undefined. */
export function startOfDay(day: string, days = 0): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (year === undefined || month === undefined || date === undefined) return undefined;
  const at = new Date(year, month - 1, date + days);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

function unitOf(milliseconds: number): ["day" | "hour" | "minute", number] {
  const size = Math.abs(milliseconds);
  return UNITS.find(([, unit]) => size >= unit) ?? ["minute", 60_000];
}

/** 1,234.5 and 1234.5 where the page itself writes 1,234.5. A comma or point that groups no thousands
 * is a decimal sign: 1,5 can't mean anything else. */
function parseNumber(text: string, sample: Intl.NumberFormatPart[]): number | undefined {
  const part = (type: string) => sample.find((one) => one.type === type)?.value ?? "";
  const [group, decimal] = [`\\${part("group")}`, `\\${part("decimal")}`];
  const typed = text.trim().replace(/[−–]/g, "-");
  const isGrouped = new RegExp(`^[+-]?\\d{1,3}(${group}\\d{3})+(${decimal}\\d+)?$`).test(typed);
  const plain = isGrouped ? typed.replaceAll(part("group"), "") : typed;
  const pointed = plain.replace(/[.,]/, ".");
  return /^[+-]?\d+(\.\d+)?$/.test(pointed) ? Number(pointed) : undefined;
}
