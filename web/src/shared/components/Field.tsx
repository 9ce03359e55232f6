/** Form fields with their labels, hints and errors. */
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Common {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
}

export function Field(
  props: Common & {
    children: (attributes: { id: string; "aria-describedby"?: string }) => ComponentChildren;
  },
) {
  const id = useId();
  const described = [props.hint && `${id}-hint`, props.error && `${id}-error`].filter(Boolean);
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children({
        id,
        ...(described.length ? { "aria-describedby": described.join(" ") } : {}),
      })}
      {props.hint && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
      {props.error && (
        <p class="error" id={`${id}-error`} role="alert">
          {props.error}
        </p>
      )}
    </div>
  );
}

interface InputProps extends Common {
  value: string;
  onInput(value: string): void;
  type?: "text" | "search" | "date" | "datetime-local";
  inputMode?: "decimal";
  pattern?: string;
  required?: boolean;
  /** The id of a datalist. */
  list?: string;
  "data-key"?: string;
  onCompositionStart?(): void;
  onCompositionEnd?(): void;
}

export function TextField({ label, hint, error, onInput, type, ...input }: InputProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <input
          autocomplete="off"
          type={type ?? "text"}
          {...input}
          {...attributes}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** Binds a field to a signal: `<TextField label="…" {...bound(name)} />`. */
export function bound(text: Signal<string>) {
  return {
    value: text.value,
    onInput: (value: string) => {
      text.value = value;
    },
  };
}

/** A decimal, in the spelling of the reader: with a comma or a point, and any minus. */
export function NumberField(props: InputProps) {
  return <TextField inputMode="decimal" {...props} />;
}

export function SelectField(
  props: Common & {
    value: string;
    options: [string, string][];
    onInput(value: string): void;
    required?: boolean;
  },
) {
  return (
    <Field label={props.label} hint={props.hint} error={props.error}>
      {(attributes) => (
        <select
          {...attributes}
          required={props.required}
          value={props.value}
          onChange={(event) => props.onInput(event.currentTarget.value)}
        >
          {props.options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField(props: {
  label: string;
  checked: boolean;
  onInput(checked: boolean): void;
  hint?: string;
}) {
  const id = useId();
  return (
    <div class="field check">
      <input
        id={id}
        type="checkbox"
        checked={props.checked}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        onChange={(event) => props.onInput(event.currentTarget.checked)}
      />
      <label for={id}>{props.label}</label>
      {props.hint && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}
