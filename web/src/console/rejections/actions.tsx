/** What a person decides about a rejected entry. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { request, type Schemas } from "../../api/client.ts";
import { bound, NumberField, TextField } from "../../shared/components/Field.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { tell, tellError } from "../../shared/messages.ts";
import { explainRefusal, isAlreadyClosed } from "../../shared/problems.ts";
import { round } from "../../shared/quantities.ts";
import { FormDialog } from "../dialogs/FormDialog.tsx";
import { RegisterItem } from "../dialogs/RegisterItem.tsx";
import { type Forecast, idOf, type Rejection, sentOf } from "./entry.ts";

export interface ActionProps {
  row: Rejection;
  onClose(): void;
  onDone(): void;
}

/** Retries it. Throws the reason, in words, if it is refused again. */
export async function retry(row: Rejection, options: Partial<Schemas["Retry"]>): Promise<void> {
  const answer = await request("post", "/sync/rejections/{localId}/retry", {
    path: { localId: idOf(row) },
    body: options as Schemas["Retry"],
  });
  const [failed] = answer.failed;
  if (failed) throw explainRefusal(failed);
  const differing = answer.items?.find((item) => "code" in item && item.code);
  if (differing) throw explainRefusal(differing as { code: string; message: string });
}

/** Runs an action on a row; if somebody was faster, says so and goes on. */
export async function decide(act: () => Promise<void>, done: string, onDone: () => void) {
  try {
    await act();
    tell(done);
  } catch (error) {
    if (!isAlreadyClosed(error)) throw error;
    tellError(texts.value.rejections.faster);
  }
  onDone();
}

export function RetryDialog(props: ActionProps & { forecast: Forecast | undefined }) {
  const m = texts.value;
  const { row } = props;
  const number = format.value.number;
  return (
    <FormDialog
      title={row.item ? m.rejections.replace : m.rejections.retry}
      action={row.item ? m.rejections.replace : m.rejections.retry}
      isQuestion
      onClose={props.onClose}
      onSubmit={() => decide(() => retry(row, {}), m.rejections.recorded, props.onDone)}
    >
      {sentOf(row).group && <p>{m.rejections.retryGroup}</p>}
      {row.item && <p>{m.rejections.replaceHint}</p>}
      {props.forecast && (
        <p class="outcome">
          {props.forecast.missing > 0
            ? m.rejections.wouldFail(number(props.forecast.missing))
            : m.rejections.retryHint(number(props.forecast.before), number(props.forecast.after))}
        </p>
      )}
    </FormDialog>
  );
}

/** First the correction, then the entry: both, or nothing. */
export function AdjustDialog(
  props: ActionProps & { forecast: Forecast | undefined; unit: string },
) {
  const m = texts.value;
  const { row, forecast } = props;
  const number = format.value.number;
  const [localId] = useState(() => crypto.randomUUID());
  const quantity = useSignal(forecast?.missing ? format.value.plain(forecast.missing) : "");
  const reason = useSignal("");
  const added = format.value.parse(quantity.value);
  const submit = () =>
    decide(
      () =>
        retry(row, {
          adjustment: {
            localId,
            quantity: added ?? quantity.value,
            reason: null,
            note: reason.value.trim(),
          },
        }),
      m.rejections.recorded,
      props.onDone,
    );
  return (
    <FormDialog
      title={m.rejections.adjust}
      action={m.rejections.retry}
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>{m.rejections.adjustHint}</p>
      <NumberField
        label={`${m.rejections.adjustQuantity} (${props.unit})`}
        hint={m.item.adjustHint}
        required
        {...bound(quantity)}
      />
      <TextField label={m.common.reason} hint={m.common.reasonHint} required {...bound(reason)} />
      <p role="status" class="outcome">
        {forecast && added !== undefined
          ? m.rejections.adjustResult(
              number(forecast.before),
              number(round(forecast.before + added)),
              number(round(forecast.after + added)),
            )
          : ""}
      </p>
    </FormDialog>
  );
}

export function OverrideDialog(props: ActionProps & { forecast: Forecast | undefined }) {
  const m = texts.value;
  const reason = useSignal("");
  const number = format.value.number;
  return (
    <FormDialog
      title={m.rejections.override}
      action={m.rejections.retry}
      onClose={props.onClose}
      onSubmit={() =>
        decide(
          () => retry(props.row, { override: { reason: reason.value.trim() } }),
          m.rejections.recorded,
          props.onDone,
        )
      }
    >
      <p>{m.rejections.overrideHint}</p>
      <TextField label={m.common.reason} hint={m.common.reasonHint} required {...bound(reason)} />
      {props.forecast && (
        <p class="outcome">
          {m.rejections.retryHint(number(props.forecast.before), number(props.forecast.after))}
        </p>
      )}
    </FormDialog>
  );
}

export function DismissDialog(props: ActionProps) {
  const m = texts.value;
  return (
    <ReasonDialog
      title={props.row.item ? m.rejections.keep : m.rejections.dismiss}
      action={props.row.item ? m.rejections.keep : m.rejections.dismiss}
      hint={props.row.item ? m.rejections.keepHint : m.rejections.dismissHint}
      onClose={props.onClose}
      onSubmit={(reason) =>
        decide(
          async () => {
            const closed = await request("post", "/sync/rejections/{localId}/dismiss", {
              path: { localId: idOf(props.row) },
              body: { reason },
            });
            if (closed.reason !== reason) throw m.rejections.faster;
          },
          m.rejections.dismissed,
          props.onDone,
        )
      }
    />
  );
}

/** Asks for the reason of a dismissal. */
function ReasonDialog(props: {
  title: string;
  action: string;
  hint: string;
  onClose(): void;
  onSubmit(reason: string): Promise<void>;
}) {
  const m = texts.value;
  const reason = useSignal("");
  return (
    <FormDialog
      title={props.title}
      action={props.action}
      danger
      onClose={props.onClose}
      onSubmit={() => props.onSubmit(reason.value.trim())}
    >
      <p>{props.hint}</p>
      <TextField
        label={m.common.reason}
        hint={m.common.reasonHint}
        required
        list="reasons"
        {...bound(reason)}
      />
      <datalist id="reasons">
        {m.rejections.presets.map((preset) => (
          <option key={preset} value={preset} />
        ))}
      </datalist>
    </FormDialog>
  );
}

/** Registers the item that the entry means, and retries it, unless the ledger has judged it again by
 * itself already. */
export function RegisterDialog(props: ActionProps) {
  const m = texts.value;
  const { row } = props;
  return (
    <RegisterItem
      title={m.rejections.register}
      hint={m.rejections.registerHint}
      {...(row.itemId ? { expectedId: row.itemId } : {})}
      location={row.location}
      onClose={props.onClose}
      onDone={async () => {
        await retry(row, {}).catch((error: unknown) => {
          if (!isAlreadyClosed(error)) throw error;
        });
        tell(m.rejections.recorded);
        props.onDone();
      }}
    />
  );
}

/** Decides many at once. */
export function ManyDialog(props: {
  ids: string[];
  action: "retry" | "dismiss";
  onClose(): void;
  onDone(): void;
}) {
  const m = texts.value;
  const { ids } = props;
  const finish = (answer: Schemas["ReviewedTransactions"]) => {
    const failed = answer.items.filter((one) => one.status === "failed").length;
    (failed ? tellError : tell)(m.rejections.manyResult(answer.items.length - failed, failed));
    props.onDone();
  };
  if (props.action === "retry") {
    return (
      <FormDialog
        title={m.rejections.manyRetry(ids.length)}
        action={m.rejections.manyRetry(ids.length)}
        isQuestion
        onClose={props.onClose}
        onSubmit={async () =>
          finish(await request("post", "/sync/rejections/retry", { body: { ids } }))
        }
      />
    );
  }
  return (
    <ReasonDialog
      title={m.rejections.manyDismiss(ids.length)}
      action={m.rejections.manyDismiss(ids.length)}
      hint={m.rejections.dismissHint}
      onClose={props.onClose}
      onSubmit={async (reason) =>
        finish(await request("post", "/sync/rejections/dismiss", { body: { ids, reason } }))
      }
    />
  );
}
