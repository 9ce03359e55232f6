/** The frame of the console: who is signed in, and which screen is open. */
import { useSignal } from "@preact/signals";
import { Component, type ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Route, Router, useLocation } from "preact-iso";
import { Failure } from "../shared/components/Notice.tsx";
import { texts } from "../shared/i18n/index.ts";
import { ScreenHead } from "./ListScreen.tsx";
import { follow } from "./live.ts";
import { MessageLine } from "./MessageLine.tsx";
import { Navigation } from "./Navigation.tsx";
import { Overlays } from "./Overlays.tsx";
import { SignIn } from "./SignIn.tsx";
import { Audit } from "./screens/Audit.tsx";
import { Files } from "./screens/Files.tsx";
import { Item } from "./screens/Item.tsx";
import { Journal } from "./screens/Journal.tsx";
import { Keys } from "./screens/Keys.tsx";
import { LowStock } from "./screens/LowStock.tsx";
import { Proof } from "./screens/Proof.tsx";
import { Rejections } from "./screens/Rejections.tsx";
import { SettingsScreen } from "./screens/Settings.tsx";
import { Stock } from "./screens/Stock.tsx";
import { StockTakes } from "./screens/StockTakes.tsx";
import { loadSession, session } from "./session.ts";

/** Milliseconds until a page without a connection asks again. */
const RETRY_MS = 3_000;

export function App() {
  const failure = useSignal<unknown>(undefined);
  useEffect(() => {
    const load = () =>
      loadSession().then(
        () => {
          failure.value = undefined;
        },
        (error: unknown) => {
          failure.value = error;
          setTimeout(load, RETRY_MS);
        },
      );
    void load();
  }, []);
  if (session.value === undefined) {
    return failure.value ? (
      <main class="lonely">
        <Failure error={failure.value} />
      </main>
    ) : (
      <main class="lonely" aria-busy="true" />
    );
  }
  return session.value === null ? <SignIn /> : <Console />;
}

function Console() {
  const { path } = useLocation();
  useEffect(follow, []);
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [path]);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        {texts.value.nav.skip}
      </a>
      <Navigation />
      <main id="content" tabIndex={-1}>
        <Boundary key={path}>
          <Router>
            <Route path="/console/" component={Stock} />
            <Route path="/console/items/:id" component={ItemScreen} />
            <Route path="/console/low-stock" component={LowStock} />
            <Route path="/console/journal" component={Journal} />
            <Route path="/console/rejections" component={Rejections} />
            <Route path="/console/stock-takes" component={StockTakes} />
            <Route path="/console/files" component={Files} />
            <Route path="/console/proof" component={Proof} />
            <Route path="/console/audit" component={Audit} />
            <Route path="/console/keys" component={Keys} />
            <Route path="/console/settings" component={SettingsScreen} />
            <Route default component={NoScreen} />
          </Router>
        </Boundary>
      </main>
      <MessageLine />
      <Overlays />
    </div>
  );
}

/** Another item is another screen: nothing of the first one stays open. */
function ItemScreen(props: { id?: string }) {
  return <Item key={props.id} {...props} />;
}

/** A fault of one screen must not take the others with it. */
class Boundary extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? (
      <ScreenHead title={texts.value.states.broken} />
    ) : (
      this.props.children
    );
  }
}

function NoScreen() {
  return (
    <>
      <ScreenHead title={texts.value.states.noPage} />
      <a href="/console/">{texts.value.nav.stock}</a>
    </>
  );
}
