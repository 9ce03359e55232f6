/** What can lie over every screen: the palette, the list of keys, and the question for a sign-in. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import { request } from "../api/client.ts";
import { Dialog } from "../shared/components/Dialog.tsx";
import { texts } from "../shared/i18n/index.ts";
import { tellError } from "../shared/messages.ts";
import { explain } from "../shared/problems.ts";
import { settings } from "../shared/settings.ts";
import { withQuery } from "../shared/url.ts";
import { listenToKeys } from "./keyboard.ts";
import { Palette } from "./Palette.tsx";
import { SignInAgain } from "./SignIn.tsx";
import { itemPath, screens } from "./screens.ts";

export const overlay = signal<"palette" | "help" | null>(null);

export function Overlays() {
  const { route } = useLocation();
  useEffect(
    () =>
      listenToKeys({
        open: (name) => {
          overlay.value = name;
        },
        go: (key) => {
          const screen = screens.peek().find((one) => one.key === key);
          if (screen) route(screen.path);
        },
        scan: (code) =>
          openScanned(code, route).catch((error: unknown) => tellError(explain(error))),
      }),
    [],
  );
  const close = () => {
    overlay.value = null;
  };
  return (
    <>
      {overlay.value === "palette" && <Palette onClose={close} />}
      {overlay.value === "help" && <KeyboardHelp onClose={close} />}
      <SignInAgain />
    </>
  );
}

/** Opens the item of a scanned code; if it is not one item, the list of what it may be. */
async function openScanned(code: string, route: (url: string) => void): Promise<void> {
  const found = await request("get", "/items", { query: { code, limit: 2 } });
  const [first, second] = found.items;
  if (first && !second) route(itemPath(first.itemId));
  else route(withQuery("/console/", { code }));
}

function KeyboardHelp(props: { onClose(): void }) {
  const m = texts.value;
  return (
    <Dialog title={m.help.title} onClose={props.onClose}>
      {!settings.value.shortcuts && <p>{m.help.off}</p>}
      <dl class="keys">
        {m.help.keys.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p>{m.help.scanner}</p>
      <div class="buttons">
        <button type="button" onClick={props.onClose}>
          {m.common.close}
        </button>
      </div>
    </Dialog>
  );
}
