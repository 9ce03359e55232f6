/** The menu, the state of the connection, and the commands. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import { texts } from "../shared/i18n/index.ts";
import { connection, openRejections } from "./live.ts";
import { overlay } from "./Overlays.tsx";
import { screens } from "./screens.ts";
import { session } from "./session.ts";

export function Navigation() {
  const m = texts.value;
  const { path } = useLocation();
  const open = useSignal(false);
  useEffect(() => {
    open.value = false;
  }, [path]);
  return (
    <header class="side">
      <div class="side-top">
        <a class="brand" href="/console/">
          stockledger
        </a>
        <button
          type="button"
          class="menu"
          aria-expanded={open.value}
          aria-controls="menu"
          onClick={() => {
            open.value = !open.value;
          }}
        >
          {m.nav.menu}
        </button>
      </div>
      <div id="menu" class={open.value ? "side-body open" : "side-body"}>
        <button
          type="button"
          class="search-button"
          onClick={() => {
            overlay.value = "palette";
          }}
        >
          {m.nav.search} <kbd>Ctrl K</kbd>
        </button>
        <nav aria-label={m.nav.label}>
          <ul>
            {screens.value.map((screen) => (
              <li key={screen.name}>
                <a href={screen.path} aria-current={isAt(path, screen.path) ? "page" : undefined}>
                  {m.nav[screen.name]}
                  {screen.name === "rejections" && <OpenCount />}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="side-bottom">
          <p class={`connection ${connection.value}`} role="status">
            <span aria-hidden="true" class="dot" /> {m.connection[connection.value]}
          </p>
          <p class="who">
            {session.value?.actor} · {m.roles[session.value?.role ?? ""]}
          </p>
          <button
            type="button"
            class="link"
            onClick={() => {
              overlay.value = "help";
            }}
          >
            {m.nav.help}
          </button>
        </div>
      </div>
    </header>
  );
}

function OpenCount() {
  const open = openRejections.value;
  if (!open) return null;
  return (
    <span class="count">
      <span aria-hidden="true">{open >= 1000 ? "1000+" : open}</span>
      <span class="visually-hidden">{texts.value.nav.open(open)}</span>
    </span>
  );
}

function isAt(path: string, screen: string): boolean {
  return path.replace(/\/$/, "") === screen.replace(/\/$/, "");
}
