/** Import of items, and export of lists. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { address, request, type Schemas } from "../../api/client.ts";
import {
  bound,
  CheckField,
  Field,
  SelectField,
  TextField,
} from "../../shared/components/Field.tsx";
import { Notice } from "../../shared/components/Notice.tsx";
import { startOfDay } from "../../shared/format.ts";
import { format, texts } from "../../shared/i18n/index.ts";
import { tell } from "../../shared/messages.ts";
import { explainRefusal } from "../../shared/problems.ts";
import { Download } from "../Download.tsx";
import { useSubmit } from "../dialogs/useSubmit.ts";
import { useLocations } from "../filters.tsx";
import { ScreenHead } from "../ListScreen.tsx";
import { may } from "../session.ts";

type Result = Schemas["ImportResult"];

export function Files() {
  const m = texts.value;
  return (
    <>
      <ScreenHead title={m.files.title} />
      {may("manage_items") && <Import />}
      <Export />
    </>
  );
}

function Import() {
  const m = texts.value;
  const locations = useLocations();
  const file = useSignal<File | null>(null);
  const location = useSignal("");
  const replace = useSignal(false);
  const countedAt = useSignal("");
  const result = useSignal<Result | null>(null);
  const submit = useSubmit();
  const place = location.value || (locations.length === 1 ? (locations[0] ?? "") : "");
  const turn = useRef(0);
  const send = (dryRun: boolean) =>
    submit.run(async () => {
      if (!file.value) return;
      const own = turn.current;
      const counted = countedAt.value ? new Date(countedAt.value).toISOString() : "";
      const found = await request("post", "/items/import", {
        query: { dryRun, location: place, replace: replace.value, countedAt: counted },
        body: (await contentOf(file.value)) as never,
        timeout: null,
      });
      // The report of another file, or of other options, must not allow an import.
      if (turn.current === own) result.value = found;
      if (!dryRun) tell(m.files.applied);
    });
  const changed = () => {
    turn.current += 1;
    result.value = null;
  };
  return (
    <section>
      <h2>{m.files.importTitle}</h2>
      <p class="intro">{m.files.importHint}</p>
      <form
        class="narrow"
        onSubmit={(event) => {
          event.preventDefault();
          send(true);
        }}
      >
        <FileField
          label={m.files.choose}
          onFile={(chosen) => {
            file.value = chosen;
            changed();
          }}
        />
        <TextField
          label={m.files.location}
          list="import-locations"
          value={place}
          onInput={(value) => {
            location.value = value;
            changed();
          }}
        />
        <datalist id="import-locations">
          {locations.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <TextField
          type="datetime-local"
          label={m.files.countedAt}
          hint={m.files.countedAtHint}
          value={countedAt.value}
          onInput={(value) => {
            countedAt.value = value;
            changed();
          }}
        />
        <CheckField
          label={m.files.replace}
          checked={replace.value}
          onInput={(on) => {
            replace.value = on;
            changed();
          }}
        />
        {submit.error && (
          <p class="error" role="alert">
            {submit.error}
          </p>
        )}
        <div class="buttons">
          <button type="submit" disabled={!file.value || submit.busy}>
            {m.files.try}
          </button>
          <button
            type="button"
            class="primary"
            disabled={!result.value?.dryRun || submit.busy}
            onClick={() => send(false)}
          >
            {m.files.apply}
          </button>
        </div>
      </form>
      {result.value && <Report result={result.value} />}
    </section>
  );
}

/** Reads the file now. Browsers refuse to read one that was changed after it was chosen. */
async function contentOf(file: File): Promise<Blob> {
  try {
    return new Blob([await file.arrayBuffer()]);
  } catch {
    throw texts.value.files.changed;
  }
}

function FileField(props: { label: string; onFile(file: File | null): void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Field label={props.label}>
      {(attributes) => (
        <input
          {...attributes}
          ref={input}
          type="file"
          required
          accept=".csv,.tsv,.txt,text/csv"
          onClick={() => {
            // Else a browser does not tell that the same file, corrected, is chosen again.
            if (input.current) input.current.value = "";
          }}
          onChange={() => props.onFile(input.current?.files?.[0] ?? null)}
        />
      )}
    </Field>
  );
}

const COUNTS = ["rows", "registered", "known", "opened", "discontinued", "failed"] as const;

function Report({ result }: { result: Result }) {
  const m = texts.value;
  const delimiter = result.delimiter === "\t" ? "Tab" : result.delimiter;
  return (
    <div class="report">
      <Notice
        title={result.dryRun ? m.files.tried : m.files.applied}
        kind={result.dryRun ? "info" : "success"}
      >
        <p>{m.files.understood(result.encoding, delimiter, result.decimal)}</p>
        <p>
          {m.files.columns}:{" "}
          {Object.entries(result.columns)
            .map(([name, header]) => (name === header ? name : `${header} → ${name}`))
            .join(", ")}
        </p>
        {result.ignoredColumns.length > 0 && (
          <p>{m.files.ignored(result.ignoredColumns.map((one) => one.header).join(", "))}</p>
        )}
      </Notice>
      <dl class="facts">
        {COUNTS.map((name) => (
          <div key={name}>
            <dt>{m.files.counts[name]}</dt>
            <dd>{format.value.number(result[name])}</dd>
          </div>
        ))}
      </dl>
      {result.problems.length === 0 ? <p>{m.files.noProblems}</p> : <Problems result={result} />}
    </div>
  );
}

function Problems({ result }: { result: Result }) {
  const m = texts.value;
  return (
    <>
      <p>{m.files.again}</p>
      {result.failed > result.problems.length && (
        <p>{m.files.firstProblems(result.problems.length)}</p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long list scrolls by keyboard. */}
      <section class="scroll short" tabIndex={0} aria-label={m.files.problem}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">{m.files.line}</th>
              <th scope="col">{m.files.problem}</th>
            </tr>
          </thead>
          <tbody>
            {result.problems.map((problem) => (
              <tr key={`${problem.line} ${problem.message}`}>
                <th scope="row">{format.value.number(problem.line)}</th>
                <td>
                  {explainRefusal(problem)}
                  {problem.code !== "INVALID" && <small lang="en"> {problem.message}</small>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

type ListName = "stock" | "movements" | "rejections" | "audit";

const PATHS: Record<ListName, string> = {
  stock: "/items",
  movements: "/movements",
  rejections: "/sync/rejections",
  audit: "/audit",
};

function Export() {
  const m = texts.value;
  const locations = useLocations();
  const list = useSignal<ListName>("movements");
  const location = useSignal("");
  const from = useSignal("");
  const to = useSignal("");
  const names = (Object.keys(PATHS) as ListName[]).filter(
    (name) => name !== "audit" || may("read_audit"),
  );
  const hasPeriod = list.value !== "stock";
  const path = address(PATHS[list.value], undefined, {
    ...(list.value === "audit" ? {} : { location: location.value }),
    ...(hasPeriod ? { from: startOfDay(from.value), to: startOfDay(to.value, 1) } : {}),
  });
  return (
    <section>
      <h2>{m.files.exportTitle}</h2>
      <p class="intro">{m.files.exportHint}</p>
      <div class="narrow">
        <SelectField
          label={m.files.list}
          value={list.value}
          options={names.map((name) => [name, m.files.lists[name] ?? name])}
          onInput={(name) => {
            list.value = name as ListName;
          }}
        />
        {list.value !== "audit" && locations.length > 1 && (
          <SelectField
            label={m.common.location}
            value={location.value}
            options={[
              ["", m.common.allLocations],
              ...locations.map((one): [string, string] => [one, one]),
            ]}
            onInput={(value) => {
              location.value = value;
            }}
          />
        )}
        {hasPeriod && (
          <>
            <TextField type="date" label={m.common.from} {...bound(from)} />
            <TextField type="date" label={m.common.to} {...bound(to)} />
          </>
        )}
        <Download path={path} name={`${list.value}.csv`} />
      </div>
    </section>
  );
}
