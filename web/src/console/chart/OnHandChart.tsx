/** The quantity on hand over time: a step line, with the band between lowest and highest.
 *
 * SVG and not canvas: it takes colours, contrast modes, printing and text size from CSS. The data is
 * also there as a table.
 */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Schemas } from "../../api/client.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { linear, type Scale, timeTicks } from "./scale.ts";

export type History = Schemas["OnHandHistory"];

const HEIGHT = 260;
const MARGIN = { top: 12, right: 12, bottom: 26, left: 56 };
const SPOKEN_MS = 200;

interface Point {
  time: number;
  quantity: number;
  low: number;
  high: number;
  end: number;
  counts: number;
}

export function OnHandChart(props: { history: History; safetyStock: number }) {
  const m = texts.value;
  const frame = useRef<HTMLDivElement>(null);
  const width = useSignal(600);
  const at = useSignal<number | null>(null);
  const spoken = useSignal("");
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) width.value = Math.max(240, entry.contentRect.width);
    });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const points = pointsOf(props.history);
  const x = timeScale(props.history, width.value);
  const y = quantityScale(points, props.safetyStock);
  const current = at.value === null ? undefined : points[at.value];
  useEffect(() => {
    // Not each step of a held key is spoken.
    const timer = setTimeout(() => {
      spoken.value = current ? describe(current) : "";
    }, SPOKEN_MS);
    return () => clearTimeout(timer);
  }, [at.value, props.history]);
  const move = (to: number) => {
    at.value = Math.max(0, Math.min(points.length - 1, to));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const from = at.value ?? points.length - 1;
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft") move(from - step);
    else if (event.key === "ArrowRight") move(from + step);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(points.length - 1);
    else return;
    event.preventDefault();
  };
  const onPointer = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (box) move(nearest(points, x, event.clientX - box.left));
  };
  return (
    <figure class="chart">
      <div
        ref={frame}
        role="img"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move through the picture.
        tabIndex={0}
        aria-label={`${summary(props.history, points)} ${m.item.chartHint}`}
        onKeyDown={onKeyDown}
        onPointerMove={onPointer}
        onPointerLeave={() => {
          at.value = null;
        }}
        onBlur={() => {
          at.value = null;
        }}
      >
        <svg aria-hidden="true" width={width.value} height={HEIGHT}>
          <Axes x={x} y={y} width={width.value} history={props.history} />
          <path class="band" d={band(points, x, y)} />
          {props.safetyStock > 0 && (
            <line
              class="safety"
              x1={MARGIN.left}
              x2={width.value - MARGIN.right}
              y1={y(props.safetyStock)}
              y2={y(props.safetyStock)}
            />
          )}
          <path class="line" d={line(points, x, y, x(Date.parse(props.history.end)))} />
          {points
            .filter((point) => point.counts > 0)
            .map((point) => (
              <circle
                key={point.time}
                class="mark"
                r="3.5"
                cx={x(point.time)}
                cy={y(point.quantity)}
              />
            ))}
          {current && (
            <g class="cursor">
              <line
                x1={x(current.time)}
                x2={x(current.time)}
                y1={MARGIN.top}
                y2={HEIGHT - MARGIN.bottom}
              />
              <circle r="5" cx={x(current.time)} cy={y(current.quantity)} />
            </g>
          )}
        </svg>
      </div>
      <p class="chart-value" aria-hidden="true">
        {current ? describe(current) : " "}
      </p>
      <p class="visually-hidden" aria-live="polite">
        {spoken.value}
      </p>
      <ChartTable history={props.history} />
    </figure>
  );
}

function ChartTable({ history }: { history: History }) {
  const m = texts.value;
  return (
    <details>
      <summary>{m.common.table}</summary>
      {history.buckets.length === 0 ? (
        <p>{m.item.noMovements}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a long list scrolls by keyboard.
        <section class="scroll short" tabIndex={0} aria-label={m.item.chart}>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">{m.item.period}</th>
                <th scope="col">{m.item.after}</th>
                <th scope="col">{m.item.lowest}</th>
                <th scope="col">{m.item.highest}</th>
                <th scope="col">{m.item.movements}</th>
                <th scope="col">{m.item.counts}</th>
              </tr>
            </thead>
            <tbody>
              {history.buckets.map((bucket) => (
                <tr key={bucket.start}>
                  <th scope="row">{format.value.time(bucket.start)}</th>
                  <td>{format.value.number(bucket.last)}</td>
                  <td>{format.value.number(bucket.lowest)}</td>
                  <td>{format.value.number(bucket.highest)}</td>
                  <td>{format.value.number(bucket.movements)}</td>
                  <td>{format.value.number(bucket.counts)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

function Axes(props: { x(time: number): number; y: Scale; width: number; history: History }) {
  const { x, y, width, history } = props;
  const [from, to] = [Date.parse(history.start), Date.parse(history.end)];
  const times = timeTicks(from, to, Math.max(2, Math.floor(width / 110)));
  const isShort = to - from < 2 * 86_400_000;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
  return (
    <g class="axes">
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
          <text x={MARGIN.left - 8} y={y(tick) + 4} text-anchor="end">
            {format.value.number(tick)}
          </text>
        </g>
      ))}
      {times.map((time) => (
        <text key={time} x={x(time)} y={HEIGHT - 6} text-anchor="middle">
          {isShort ? clock.format(time) : format.value.date(new Date(time).toISOString())}
        </text>
      ))}
    </g>
  );
}

function pointsOf(history: History): Point[] {
  const start = Date.parse(history.start);
  const opening: Point = {
    time: start,
    end: start,
    quantity: history.opening,
    low: history.opening,
    high: history.opening,
    counts: 0,
  };
  return [
    opening,
    ...history.buckets.map((bucket) => ({
      time: Date.parse(bucket.start),
      end: Date.parse(bucket.end),
      quantity: bucket.last,
      low: bucket.lowest,
      high: bucket.highest,
      counts: bucket.counts,
    })),
  ];
}

function timeScale(history: History, width: number): (time: number) => number {
  const [from, to] = [Date.parse(history.start), Date.parse(history.end)];
  const length = width - MARGIN.left - MARGIN.right;
  return (time) => MARGIN.left + ((time - from) / (to - from)) * length;
}

function quantityScale(points: Point[], safetyStock: number): Scale {
  const low = Math.min(0, ...points.map((point) => point.low));
  const high = Math.max(safetyStock, ...points.map((point) => point.high));
  return linear([low, high], [HEIGHT - MARGIN.bottom, MARGIN.top], 4);
}

function line(points: Point[], x: (time: number) => number, y: Scale, end: number): string {
  const steps = points.map((point, n) =>
    n === 0 ? `M${x(point.time)} ${y(point.quantity)}` : `H${x(point.time)}V${y(point.quantity)}`,
  );
  return `${steps.join("")}H${end}`;
}

function band(points: Point[], x: (time: number) => number, y: Scale): string {
  return points
    .filter((point) => point.low < point.high)
    .map((point) => {
      const right = Math.max(x(point.end), x(point.time) + 1);
      return `M${x(point.time)} ${y(point.high)}H${right}V${y(point.low)}H${x(point.time)}Z`;
    })
    .join("");
}

function nearest(points: Point[], x: (time: number) => number, place: number): number {
  const after = points.findIndex((point) => x(point.time) > place);
  return after < 0 ? points.length - 1 : Math.max(0, after - 1);
}

function describe(point: Point): string {
  const m = texts.value;
  const number = format.value.number;
  const when = format.value.time(new Date(point.time).toISOString());
  const range =
    point.low < point.high ? ` (${m.item.range(number(point.low), number(point.high))})` : "";
  return m.item.point(when, number(point.quantity)) + range;
}

function summary(history: History, points: Point[]): string {
  const number = format.value.number;
  const lowest = Math.min(...points.map((point) => point.low));
  return texts.value.item.chartSummary(
    format.value.date(history.start),
    number(history.opening),
    format.value.date(history.end),
    number(history.closing),
    number(lowest),
  );
}
