/** The ledger as a log that proves itself: its checkpoint, its keys, and its last verification. */
import { useSignal } from "@preact/signals";
import { request, type Schemas } from "../../api/client.ts";
import { bound, TextField } from "../../shared/components/Field.tsx";
import { Badge, Notice } from "../../shared/components/Notice.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { useResource } from "../../shared/resource.ts";
import { CopyButton } from "../CopyButton.tsx";
import { save, useDownload } from "../Download.tsx";
import { Await, ScreenHead } from "../ListScreen.tsx";
import { proofOf } from "../proof/DownloadProof.tsx";
import { localIdIn, partsOf, type Verification, warningsOf } from "../proof/state.ts";
import { QrCode } from "../QrCode.tsx";

type Log = Schemas["LogState"];
type Checkpoint = Schemas["CheckpointRecord"];

/** It changes only on request: a root must not change while two people compare it. */
export function Proof() {
  const m = texts.value;
  const resource = useResource("tree", (signal) => request("get", "/tree", { signal }));
  return (
    <>
      <ScreenHead
        title={m.proof.title}
        actions={
          <button type="button" onClick={resource.reload}>
            {m.proof.reload}
          </button>
        }
      />
      <p class="intro">{m.proof.intro}</p>
      <Await resource={resource}>
        {(log) => (
          <>
            {log.checkpoint ? <Newest checkpoint={log.checkpoint} /> : <NoCheckpoint />}
            {log.checkpoint && <OneMovement />}
            <LastVerification verification={log.verification} />
            <Identity log={log} />
          </>
        )}
      </Await>
    </>
  );
}

function Newest({ checkpoint }: { checkpoint: Checkpoint }) {
  const m = texts.value;
  const { size, note, root, signedAt } = checkpoint;
  const [first] = partsOf(root);
  return (
    <section>
      <h2>{m.proof.checkpoint}</h2>
      <dl class="facts">
        <div class="big">
          <dt>{m.proof.events}</dt>
          <dd>{format.value.number(size)}</dd>
        </div>
        <div class="big">
          <dt>{m.proof.rootStart}</dt>
          <dd>
            <code class="root">
              <strong>{first?.text}</strong>…
            </code>
          </dd>
        </div>
        <div>
          <dt>{m.proof.signed}</dt>
          <dd>
            <Time at={signedAt} />
          </dd>
        </div>
        <div>
          <dt>{m.proof.root}</dt>
          <dd>
            <Root root={root} />
          </dd>
        </div>
      </dl>
      <p class="intro">{m.proof.compare}</p>
      <div class="buttons">
        <button
          type="button"
          onClick={() => save(new Blob([note], { type: "text/plain" }), `checkpoint-${size}.txt`)}
        >
          {m.proof.downloadCheckpoint}
        </button>
        <CopyButton text={note} label={m.proof.copyCheckpoint} />
      </div>
    </section>
  );
}

/** The gaps between its parts are no characters: it is copied in one piece. */
function Root({ root }: { root: string }) {
  return (
    <code class="root">
      {partsOf(root).map(({ start, text }) =>
        start === 0 ? <strong key={start}>{text}</strong> : <span key={start}>{text}</span>,
      )}
    </code>
  );
}

function NoCheckpoint() {
  const m = texts.value;
  return (
    <Notice title={m.proof.none}>
      <p>{m.proof.noneHint}</p>
      <p>{m.proof.noneKey}</p>
      <pre>{"stockledger checkpoint new-key FILE\nSTOCKLEDGER_CHECKPOINT_KEY=FILE"}</pre>
      <p>{m.proof.noneSealer}</p>
      <pre>stockledger seal</pre>
    </Notice>
  );
}

function OneMovement() {
  const m = texts.value;
  const typed = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const { busy, download } = useDownload();
  const submit = () => {
    const localId = localIdIn(typed.peek());
    error.value = localId ? undefined : m.proof.noId;
    if (localId) void download(proofOf(localId));
  };
  return (
    <section>
      <h2>{m.proof.movement}</h2>
      <form
        class="narrow"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextField
          label={m.proof.id}
          hint={m.proof.idHint}
          error={error.value}
          required
          {...bound(typed)}
        />
        <button type="submit" disabled={busy}>
          {m.proof.download}
        </button>
      </form>
    </section>
  );
}

function LastVerification({ verification }: { verification: Verification | null }) {
  const m = texts.value;
  const warnings = warningsOf(verification, Date.now());
  return (
    <section>
      <h2>{m.proof.verification}</h2>
      {warnings.includes("found") && (
        <Notice kind="error" title={m.proof.found(verification?.findings ?? 0)}>
          <p>{m.proof.foundHint}</p>
        </Notice>
      )}
      {warnings.includes("old") && <Notice kind="warning" title={m.proof.old} />}
      {verification ? <Result verification={verification} /> : <Notice title={m.proof.never} />}
      {warnings.length > 0 && (
        <>
          <p>{m.proof.run}</p>
          <pre>stockledger verify</pre>
        </>
      )}
    </section>
  );
}

function Result({ verification }: { verification: Verification }) {
  const m = texts.value;
  const { events, findings, finishedAt, isComplete } = verification;
  return (
    <dl class="facts">
      <div>
        <dt>{m.proof.result}</dt>
        <dd>
          {findings === 0 ? (
            <Badge tone="good">{m.proof.proven}</Badge>
          ) : (
            <Badge tone="bad">{m.proof.findings(findings)}</Badge>
          )}
        </dd>
      </div>
      <div>
        <dt>{m.proof.events}</dt>
        <dd>{format.value.number(events)}</dd>
      </div>
      <div>
        <dt>{m.proof.finished}</dt>
        <dd>
          <Time at={finishedAt} /> <small>{format.value.relative(finishedAt, Date.now())}</small>
        </dd>
      </div>
      <div>
        <dt>{m.proof.extent}</dt>
        <dd>{isComplete ? m.proof.complete : m.proof.onlyNew}</dd>
      </div>
    </dl>
  );
}

function Identity({ log }: { log: Log }) {
  const m = texts.value;
  const keys = log.verifierKeys;
  return (
    <section>
      <h2>{m.proof.log}</h2>
      <dl class="facts">
        <div>
          <dt>{m.proof.origin}</dt>
          <dd>
            <code>{log.origin}</code>
          </dd>
        </div>
      </dl>
      {keys.length === 0 && <p>{m.proof.noKey}</p>}
      {keys.length > 0 && <p class="intro">{m.proof.keyHint}</p>}
      {keys.length > 1 && <p class="intro">{m.proof.keysHint}</p>}
      {keys.map((key, index) => (
        <VerifierKey key={key} text={key} name={m.proof.key(index + 1, keys.length)} />
      ))}
    </section>
  );
}

function VerifierKey(props: { text: string; name: string }) {
  const m = texts.value;
  return (
    <div class="verifier-key">
      <h3>{props.name}</h3>
      <code class="secret">{props.text}</code>
      <QrCode text={props.text} label={`${m.proof.qr}: ${props.name}`} />
      <CopyButton text={props.text} label={m.proof.copyKey} />
    </div>
  );
}
