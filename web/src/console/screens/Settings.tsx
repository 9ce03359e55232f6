/** Settings of this browser, and who is signed in. */
import { CheckField, SelectField } from "../../shared/components/Field.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { LANGUAGES, texts } from "../../shared/i18n/index.ts";
import { tellError } from "../../shared/messages.ts";
import { explain } from "../../shared/problems.ts";
import { change, type Language, ROWS, settings, type Theme } from "../../shared/settings.ts";
import { ScreenHead } from "../ListScreen.tsx";
import { session, signOut } from "../session.ts";

export function SettingsScreen() {
  const m = texts.value;
  return (
    <>
      <ScreenHead title={m.settings.title} />
      <section class="narrow">
        <SelectField
          label={m.settings.language}
          value={settings.value.language}
          options={Object.entries(LANGUAGES).map(([tag, { language }]) => [tag, language])}
          onInput={(language) => change({ language: language as Language })}
        />
        <SelectField
          label={m.settings.theme}
          value={settings.value.theme}
          options={Object.entries(m.settings.themes)}
          onInput={(theme) => change({ theme: theme as Theme })}
        />
        <SelectField
          label={m.settings.rows}
          value={String(settings.value.rows)}
          options={ROWS.map((rows) => [String(rows), String(rows)])}
          onInput={(rows) => change({ rows: Number(rows) })}
        />
        <CheckField
          label={m.settings.shortcuts}
          hint={m.settings.shortcutsHint}
          checked={settings.value.shortcuts}
          onInput={(shortcuts) => change({ shortcuts })}
        />
      </section>
      <Person />
      <section>
        <h2>{m.settings.about}</h2>
        <p>{m.settings.version(session.value?.version ?? "")}</p>
        <p>
          <a href="/docs" target="_blank" rel="noreferrer">
            {m.settings.api}
          </a>{" "}
          ·{" "}
          <a href="/console/licences.txt" target="_blank" rel="noreferrer">
            {m.settings.licences}
          </a>
        </p>
      </section>
    </>
  );
}

function Person() {
  const m = texts.value;
  const person = session.value;
  if (!person) return null;
  const leave = (everywhere: boolean) =>
    signOut(everywhere).catch((error: unknown) => tellError(explain(error)));
  return (
    <section>
      <h2>{m.settings.you}</h2>
      <dl class="facts">
        <div>
          <dt>{m.keys.name}</dt>
          <dd>{person.actor}</dd>
        </div>
        <div>
          <dt>{m.settings.role}</dt>
          <dd>{m.roles[person.role] ?? person.role}</dd>
        </div>
        <div>
          <dt>{m.settings.locations}</dt>
          <dd>{person.locations?.join(", ") ?? m.keys.everywhere}</dd>
        </div>
        {person.expiresAt && (
          <div>
            <dt>{m.settings.until}</dt>
            <dd>
              <Time at={person.expiresAt} />
            </dd>
          </div>
        )}
      </dl>
      {person.signedInAt ? (
        <div class="buttons">
          <button type="button" onClick={() => void leave(false)}>
            {m.settings.signOut}
          </button>
          <button type="button" onClick={() => void leave(true)}>
            {m.settings.signOutEverywhere}
          </button>
        </div>
      ) : (
        <p class="hint">{m.settings.noSignIn}</p>
      )}
    </section>
  );
}
