/** A dialog with one action: it stays open, with all that was typed, if the action fails. */
import type { ComponentChildren } from "preact";
import { Dialog, DialogButtons } from "../../shared/components/Dialog.tsx";
import { useSubmit } from "./useSubmit.ts";

export function FormDialog(props: {
  title: string;
  action: string;
  onClose(): void;
  onSubmit(): Promise<void>;
  children?: ComponentChildren;
  disabled?: boolean;
  danger?: boolean;
  /** For a question without fields. */
  isQuestion?: boolean;
}) {
  const submit = useSubmit();
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit.run(async () => {
            await props.onSubmit();
            props.onClose();
          });
        }}
      >
        {props.children}
        {submit.error && (
          <p class="error" role="alert">
            {submit.error}
          </p>
        )}
        <DialogButtons
          action={props.action}
          onCancel={props.onClose}
          busy={submit.busy}
          {...(props.disabled === undefined ? {} : { disabled: props.disabled })}
          {...(props.danger === undefined ? {} : { danger: props.danger })}
          autoFocusCancel={props.isQuestion ?? false}
        />
      </form>
    </Dialog>
  );
}
