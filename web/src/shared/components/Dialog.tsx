/** A modal dialog: the browser keeps the focus in it, and Escape closes it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { texts } from "../i18n/index.ts";

export function Dialog(props: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <h2 id={id}>{props.title}</h2>
      {props.children}
    </dialog>
  );
}

/** The end of a dialog: what it does, and Cancel, which has the focus at first. */
export function DialogButtons(props: {
  action: string;
  onCancel(): void;
  busy?: boolean;
  disabled?: boolean;
  danger?: boolean;
  autoFocusCancel?: boolean;
}) {
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (props.autoFocusCancel) cancel.current?.focus();
  }, []);
  return (
    <div class="buttons">
      <button type="button" ref={cancel} onClick={props.onCancel}>
        {texts.value.common.cancel}
      </button>
      <button
        type="submit"
        class={props.danger ? "danger" : "primary"}
        disabled={props.busy || props.disabled}
      >
        {props.action}
      </button>
    </div>
  );
}
