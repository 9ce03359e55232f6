/** One rejected entry: what was asked, why it was refused, and what can be done. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { request } from "../../api/client.ts";
import { Notice } from "../../shared/components/Notice.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { explainRefusal } from "../../shared/problems.ts";
import { useResource } from "../../shared/resource.ts";
import { Quantity } from "../screens/Stock.tsx";
import { itemPath } from "../screens.ts";
import { may } from "../session.ts";
import {
  type ActionProps,
  AdjustDialog,
  DismissDialog,
  OverrideDialog,
  RegisterDialog,
  RetryDialog,
} from "./actions.tsx";
import { type Forecast, forecast, type Rejection, sentOf } from "./entry.ts";

type Action = "retry" | "adjust" | "override" | "dismiss" | "register";

export function Detail(props: { row: Rejection; onDone(): void; onClose(): void }) {
  const m = texts.value;
  const { row } = props;
  const sent = sentOf(row);
  const action = useSignal<Action | null>(null);
  const item = useResource(`rejected item ${row.itemId} ${row.rejectedAt}`, async (signal) =>
    row.itemId && row.sku
      ? await request("get", "/items/{itemId}", { path: { itemId: row.itemId }, signal })
      : null,
  );
  const expected = item.data ? forecast(sent, item.data) : undefined;
  return (
    <section class="detail" aria-label={m.rejections.detail}>
      <div class="screen-head">
        <h2>{row.name ?? row.sku ?? m.rejections.unknownItem}</h2>
        <button type="button" onClick={props.onClose}>
          {m.common.close}
        </button>
      </div>
      <Notice title={explainRefusal(row)}>
        <details>
          <summary>{m.common.details}</summary>
          <p>{m.common.code(row.code)}</p>
          <p lang="en">{row.message}</p>
        </details>
      </Notice>
      <dl class="facts">
        <Fact label={m.rejections.what}>
          <What row={row} />
        </Fact>
        {row.itemId && row.sku && (
          <Fact label={m.stock.item}>
            <a href={itemPath(row.itemId)}>{row.sku}</a>
          </Fact>
        )}
        <Fact label={m.common.location}>{row.location ?? m.common.none}</Fact>
        <Fact label={m.common.by}>
          {row.actor}
          {row.device && row.device !== row.actor && ` · ${row.device}`}
        </Fact>
        <Fact label={m.common.happened}>
          <Time at={row.movedAt ?? occurredAt(row)} />
        </Fact>
        {item.data && (
          <>
            <Fact label={m.rejections.now}>
              <Quantity value={item.data.onHand} unit={item.data.unit} />
            </Fact>
            <Fact label={m.rejections.floor}>
              {item.data.floor === null ? m.item.noFloor : format.value.number(item.data.floor)}
            </Fact>
          </>
        )}
      </dl>
      <p class="hint">
        {m.rejections.attempts(
          format.value.time(row.firstRejectedAt),
          format.value.time(row.rejectedAt),
        )}
      </p>
      {row.status !== "open" && row.closedAt && (
        <p class="hint">
          {m.rejections.closedBy(row.closedBy ?? m.common.none, format.value.time(row.closedAt))}
          {row.reason && `: ${row.reason}`}
        </p>
      )}
      {/* What an action would do depends on what is on hand. */}
      {row.status === "open" &&
        may("review_rejections") &&
        (item.data !== undefined || item.error !== undefined) && (
          <Actions
            row={row}
            expected={expected}
            open={(name) => {
              action.value = name;
            }}
          />
        )}
      <details>
        <summary>{m.rejections.sent}</summary>
        <pre>
          {typeof row.transaction === "string"
            ? row.transaction
            : JSON.stringify(row.transaction ?? row.item, null, 2)}
        </pre>
      </details>
      {action.value && (
        <OpenAction
          action={action.value}
          forecast={expected}
          unit={item.data?.unit ?? ""}
          row={row}
          onClose={() => {
            action.value = null;
          }}
          onDone={props.onDone}
        />
      )}
    </section>
  );
}

function Fact(props: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** What was sent, in words. */
export function What({ row }: { row: Rejection }) {
  const m = texts.value;
  const sent = sentOf(row);
  if (row.item) return <>{m.rejections.registration}</>;
  if (!sent.type) return <>{m.rejections.malformed}</>;
  return (
    <>
      {m.types[sent.type] ?? sent.type}
      {sent.quantity !== undefined && ` ${format.value.number(sent.quantity)}`}
    </>
  );
}

function Actions(props: {
  row: Rejection;
  expected: Forecast | undefined;
  open(action: Action): void;
}) {
  const m = texts.value;
  const { row, expected, open } = props;
  const isSale = sentOf(row).type === "OUTBOUND" && !!row.sku;
  const button = (action: Action, label: string, isPrimary: boolean, key?: string) => (
    <button
      type="button"
      class={isPrimary ? "primary" : ""}
      data-key={key}
      onClick={() => open(action)}
    >
      {label}
    </button>
  );
  const isMissing = !!expected && expected.missing > 0;
  const isUnknown = row.code === "UNKNOWN_ITEM" && !row.sku && !!row.itemId;
  const isReadable = row.transaction === null || typeof row.transaction !== "string";
  return (
    <div class="buttons">
      {isUnknown && may("manage_items") && button("register", m.rejections.register, true)}
      {isReadable &&
        button(
          "retry",
          row.item ? m.rejections.replace : m.rejections.retry,
          !isMissing && !isUnknown,
          "r",
        )}
      {isSale && may("adjust") && button("adjust", m.rejections.adjust, isMissing)}
      {isSale && may("override") && button("override", m.rejections.override, false)}
      {button("dismiss", row.item ? m.rejections.keep : m.rejections.dismiss, false, "d")}
    </div>
  );
}

function OpenAction(
  props: ActionProps & { action: Action; forecast: Forecast | undefined; unit: string },
) {
  const { action, ...rest } = props;
  switch (action) {
    case "retry":
      return <RetryDialog {...rest} />;
    case "adjust":
      return <AdjustDialog {...rest} />;
    case "override":
      return <OverrideDialog {...rest} />;
    case "dismiss":
      return <DismissDialog {...rest} />;
    case "register":
      return <RegisterDialog {...rest} />;
  }
}

function occurredAt(row: Rejection): string | null {
  const { transaction } = row;
  const sent = typeof transaction === "object" && transaction ? transaction.occurredAt : null;
  return typeof sent === "string" && !Number.isNaN(Date.parse(sent)) ? sent : null;
}
