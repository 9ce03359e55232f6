/** Search and commands: screens, and items by SKU, name or barcode. */
import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { useLocation } from "preact-iso";
import { request, type Schemas } from "../api/client.ts";
import { Dialog } from "../shared/components/Dialog.tsx";
import { texts } from "../shared/i18n/index.ts";
import { itemPath, screens } from "./screens.ts";

interface Hit {
  key: string;
  label: string;
  hint: string;
  path: string;
}

const DELAY_MS = 200;
const MAX_ITEMS = 8;

export function Palette(props: { onClose(): void }) {
  const m = texts.value;
  const { route } = useLocation();
  const id = useId();
  const text = useSignal("");
  const items = useSignal<Schemas["Item"][]>([]);
  const at = useSignal(0);
  useEffect(() => {
    const q = text.value.trim();
    if (q === "") {
      items.value = [];
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        items.value = await search(q, abort.signal);
      } catch {
        items.value = []; // Screens can be found without a connection.
      }
    }, DELAY_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text.value]);
  const wanted = text.value.trim().toLowerCase();
  const hits: Hit[] = [
    ...screens.value
      .filter((screen) => m.nav[screen.name].toLowerCase().includes(wanted))
      .map((screen) => ({
        key: screen.name,
        label: m.nav[screen.name],
        hint: m.palette.screens,
        path: screen.path,
      })),
    ...items.value.map((item) => ({
      key: item.itemId,
      label: `${item.sku} · ${item.name}`,
      hint: item.location,
      path: itemPath(item.itemId),
    })),
  ];
  const current = Math.min(at.value, hits.length - 1);
  const open = (hit: Hit | undefined) => {
    if (!hit) return;
    props.onClose();
    route(hit.path);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown") at.value = Math.min(current + 1, hits.length - 1);
    else if (event.key === "ArrowUp") at.value = Math.max(current - 1, 0);
    else if (event.key === "Enter") open(hits[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={m.palette.title} onClose={props.onClose}>
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-label={m.palette.placeholder}
        aria-activedescendant={hits[current] ? `${id}-${hits[current].key}` : undefined}
        placeholder={m.palette.placeholder}
        autocomplete="off"
        value={text.value}
        onKeyDown={onKeyDown}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          at.value = 0;
        }}
      />
      <div id={`${id}-list`} role="listbox" aria-label={m.palette.title} class="hits">
        {hits.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the text field has the focus and the keys.
          <div
            key={hit.key}
            id={`${id}-${hit.key}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === current}
            onClick={() => open(hit)}
          >
            {hit.label} <small>{hit.hint}</small>
          </div>
        ))}
      </div>
      <p role="status" class="hint">
        {hits.length === 0 ? m.palette.none : m.palette.results(hits.length)}
      </p>
    </Dialog>
  );
}

/** Barcodes first: a code is exact. */
async function search(q: string, signal: AbortSignal): Promise<Schemas["Item"][]> {
  const [coded, named] = await Promise.all([
    request("get", "/items", { query: { code: q, limit: MAX_ITEMS }, signal }),
    request("get", "/items", { query: { q, limit: MAX_ITEMS }, signal }),
  ]);
  const known = new Set(coded.items.map((item) => item.itemId));
  return [...coded.items, ...named.items.filter((item) => !known.has(item.itemId))];
}
