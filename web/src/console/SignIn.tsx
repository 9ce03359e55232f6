/** Sign-in with a key or an account. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, request } from "../api/client.ts";
import { Dialog } from "../shared/components/Dialog.tsx";
import { Field } from "../shared/components/Field.tsx";
import { LANGUAGES, texts } from "../shared/i18n/index.ts";
import { explain } from "../shared/problems.ts";
import { change, type Language, settings } from "../shared/settings.ts";
import { withQuery } from "../shared/url.ts";
import { answer, askAgain, signIn } from "./session.ts";

export function SignIn() {
  const m = texts.value;
  return (
    <main class="lonely sign-in">
      <h1>stockledger</h1>
      <h2>{m.signIn.title}</h2>
      <SignInForm problem={new URLSearchParams(location.search).get("signIn")} />
      <p class="languages">
        {(Object.keys(LANGUAGES) as Language[]).map((language) => (
          <button
            key={language}
            type="button"
            class="link"
            lang={language}
            aria-pressed={settings.value.language === language}
            onClick={() => change({ language })}
          >
            {LANGUAGES[language].language}
          </button>
        ))}
      </p>
    </main>
  );
}

/** Over the page, so that nothing that was typed is lost. */
export function SignInAgain() {
  const m = texts.value;
  if (askAgain.value === null) return null;
  return (
    <Dialog title={m.signIn.again} onClose={() => answer(false)}>
      <p>{askAgain.value === "lost" ? m.signIn.lost : m.signIn.confirm}</p>
      <SignInForm problem={null} />
      <div class="buttons">
        <button type="button" onClick={() => answer(false)}>
          {m.common.cancel}
        </button>
      </div>
    </Dialog>
  );
}

function SignInForm(props: { problem: string | null }) {
  const m = texts.value;
  const key = useSignal("");
  const error = useSignal(props.problem ? m.signIn.reasons[props.problem] : undefined);
  const busy = useSignal(false);
  const hasProvider = useSignal(false);
  useEffect(() => {
    request("get", "/session/methods").then(
      (methods) => {
        hasProvider.value = methods.identityProvider;
      },
      () => undefined, // The key is offered in any case.
    );
  }, []);
  const submit = async () => {
    busy.value = true;
    error.value = undefined;
    try {
      await signIn(key.value.trim());
    } catch (problem) {
      error.value = reasonOf(problem);
    } finally {
      key.value = "";
      busy.value = false;
    }
  };
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Field label={m.signIn.key} hint={m.signIn.keyHint} error={error.value}>
          {(attributes) => (
            <input
              {...attributes}
              type="password"
              name="key"
              required
              autocomplete="current-password"
              spellcheck={false}
              value={key.value}
              onInput={(event) => {
                key.value = event.currentTarget.value;
              }}
            />
          )}
        </Field>
        <button type="submit" class="primary" disabled={busy.value}>
          {m.signIn.submit}
        </button>
      </form>
      {hasProvider.value && (
        <p>
          <a
            class="button"
            href={`/session/oidc/start?next=${encodeURIComponent(withoutReason())}`}
          >
            {m.signIn.account}
          </a>
        </p>
      )}
    </>
  );
}

/** The address of this screen, without the reason of a sign-in that failed. */
function withoutReason(): string {
  const { signIn: _, ...kept } = Object.fromEntries(new URLSearchParams(location.search));
  return withQuery(location.pathname, kept);
}

function reasonOf(problem: unknown): string {
  const m = texts.value;
  if (problem instanceof Problem) {
    if (problem.code === "TLS_REQUIRED") return m.signIn.tls;
    if (problem.code === "RATE_LIMITED") return m.signIn.tooMany(problem.retryAfter ?? 60);
    const reason = m.signIn.reasons[String(problem.details.reason)];
    if (reason) return reason;
  }
  return explain(problem);
}
