/** The filters that several screens share. Their values are in the address. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { request } from "../api/client.ts";
import { SelectField, TextField } from "../shared/components/Field.tsx";
import { startOfDay } from "../shared/format.ts";
import { texts } from "../shared/i18n/index.ts";
import { useResource } from "../shared/resource.ts";
import type { Query } from "../shared/url.ts";
import { session } from "./session.ts";

const DELAY_MS = 250;

/** A text that becomes a filter once the typing pauses; not while a syllable is being composed. */
export function TextFilter(props: { name: string; label: string; query: Query; search?: boolean }) {
  const { name, query } = props;
  const wanted = query.values[name] ?? "";
  const text = useSignal(wanted);
  const isComposing = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    text.value = wanted;
  }, [wanted]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const schedule = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (!isComposing.current && text.peek().trim() !== wanted) {
        query.set({ [name]: text.peek().trim() }, true);
      }
    }, DELAY_MS);
  };
  return (
    <TextField
      type="search"
      label={props.label}
      value={text.value}
      {...(props.search ? { "data-key": "/" } : {})}
      onCompositionStart={() => {
        isComposing.current = true;
      }}
      onCompositionEnd={() => {
        isComposing.current = false;
        schedule();
      }}
      onInput={(value) => {
        text.value = value;
        schedule();
      }}
    />
  );
}

export function SelectFilter(props: {
  name: string;
  label: string;
  query: Query;
  options: [string, string][];
}) {
  return (
    <SelectField
      label={props.label}
      value={props.query.values[props.name] ?? ""}
      options={props.options}
      onInput={(value) => props.query.set({ [props.name]: value })}
    />
  );
}

/** Only where there is a choice. */
export function LocationFilter(props: { query: Query }) {
  const m = texts.value;
  const locations = useLocations();
  if (locations.length < 2 && !props.query.values.location) return null;
  return (
    <SelectFilter
      name="location"
      label={m.common.location}
      query={props.query}
      options={[
        ["", m.common.allLocations],
        ...locations.map((one): [string, string] => [one, one]),
      ]}
    />
  );
}

export function useLocations(): string[] {
  const own = session.value?.locations;
  const found = useResource("locations", (signal) => request("get", "/locations", { signal }));
  return own ?? found.data?.items ?? [];
}

export function PeriodFilter(props: { query: Query }) {
  const m = texts.value;
  const { query } = props;
  return (
    <>
      <TextField
        type="date"
        label={m.common.from}
        value={query.values.from ?? ""}
        onInput={(from) => query.set({ from })}
      />
      <TextField
        type="date"
        label={m.common.to}
        value={query.values.to ?? ""}
        onInput={(to) => query.set({ to })}
      />
    </>
  );
}

/** The period of the filter, as the API wants it: whole local days, the last one included. */
export function periodOf(query: Query): { from?: string; to?: string } {
  const from = startOfDay(query.values.from ?? "");
  const to = startOfDay(query.values.to ?? "", 1);
  return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
}
