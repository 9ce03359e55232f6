/** Keys of devices, programs and people. */
import { useSignal } from "@preact/signals";
import { request, type Schemas } from "../../api/client.ts";
import { type Column, DataTable } from "../../shared/components/DataTable.tsx";
import {
  bound,
  CheckField,
  Field,
  NumberField,
  SelectField,
  TextField,
} from "../../shared/components/Field.tsx";
import { Badge } from "../../shared/components/Notice.tsx";
import { Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { tell } from "../../shared/messages.ts";
import { useResource } from "../../shared/resource.ts";
import { useQueryState } from "../../shared/url.ts";
import { FormDialog } from "../dialogs/FormDialog.tsx";
import { useLocations } from "../filters.tsx";
import { Await, ScreenHead } from "../ListScreen.tsx";
import { NewKey } from "../NewKey.tsx";
import { withRecentSignIn } from "../session.ts";

type Key = Schemas["KeyDescription"];
type Issued = Schemas["IssuedKey"];
type Open = { name: "create" } | { name: "rotate" | "revoke"; key: Key };

export function Keys() {
  const m = texts.value;
  const query = useQueryState();
  const open = useSignal<Open | null>(null);
  const issued = useSignal<Issued | null>(null);
  const resource = useResource("keys", (signal) => request("get", "/keys", { signal }));
  const onlyActive = query.values.show !== "all";
  const onIssued = (key: Issued) => {
    issued.value = key;
    resource.reload();
  };
  const close = () => {
    open.value = null;
  };
  return (
    <>
      <ScreenHead
        title={m.keys.title}
        actions={
          <button
            type="button"
            class="primary"
            onClick={() => {
              open.value = { name: "create" };
            }}
          >
            {m.keys.create}
          </button>
        }
      />
      <search class="filters" aria-label={m.common.filters}>
        <SelectField
          label={m.keys.show}
          value={onlyActive ? "" : "all"}
          options={[
            ["", m.keys.onlyActive],
            ["all", m.keys.everyKey],
          ]}
          onInput={(show) => query.set({ show })}
        />
      </search>
      <Await resource={resource}>
        {(keys) => (
          <DataTable
            caption={m.keys.title}
            columns={columns((what) => {
              open.value = what;
            })}
            rows={keys.items.filter((key) => !onlyActive || stateOf(key) === "active")}
            rowKey={(key) => key.keyId}
          />
        )}
      </Await>
      {open.value?.name === "create" && <CreateDialog onClose={close} onIssued={onIssued} />}
      {open.value?.name === "rotate" && (
        <RotateDialog apiKey={open.value.key} onClose={close} onIssued={onIssued} />
      )}
      {open.value?.name === "revoke" && (
        <RevokeDialog apiKey={open.value.key} onClose={close} onDone={resource.reload} />
      )}
      {issued.value && (
        <NewKey
          issued={issued.value}
          onClose={() => {
            issued.value = null;
          }}
        />
      )}
    </>
  );
}

function stateOf(key: Key): "active" | "expired" | "revoked" {
  if (key.revokedAt) return "revoked";
  return key.expiresAt && Date.parse(key.expiresAt) <= Date.now() ? "expired" : "active";
}

function columns(open: (what: Open) => void): Column<Key>[] {
  const m = texts.value;
  const tones = { active: "good", expired: "mute", revoked: "mute" } as const;
  return [
    {
      key: "name",
      header: m.keys.name,
      heading: true,
      cell: (key) => (
        <>
          {key.name} <small>{key.keyId}</small>
        </>
      ),
    },
    {
      key: "role",
      header: m.keys.role,
      cell: (key) => (
        <>
          {m.roles[key.role] ?? key.role}
          {key.may.length > 0 && <small> · {m.keys.mayCount}</small>}
        </>
      ),
    },
    {
      key: "locations",
      header: m.keys.locations,
      cell: (key) => key.locations.join(", ") || m.keys.everywhere,
    },
    {
      key: "created",
      header: m.keys.created,
      cell: (key) => (
        <>
          <Time at={key.createdAt} /> <small>{m.keys.createdBy(key.createdBy)}</small>
        </>
      ),
    },
    {
      key: "expiry",
      header: m.keys.expiry,
      cell: (key) =>
        key.expiresAt ? (
          <>
            <Time at={key.expiresAt} />{" "}
            <small>{format.value.relative(key.expiresAt, Date.now())}</small>
          </>
        ) : (
          m.keys.never
        ),
    },
    {
      key: "state",
      header: m.keys.state,
      cell: (key) => <Badge tone={tones[stateOf(key)]}>{m.keys.states[stateOf(key)]}</Badge>,
    },
    {
      key: "actions",
      header: m.common.more,
      cell: (key) =>
        stateOf(key) === "active" && (
          <span class="row-actions">
            {(["rotate", "revoke"] as const).map((name) => (
              <button
                key={name}
                type="button"
                class="link"
                aria-label={`${m.keys[name]}: ${key.name}`}
                onClick={() => open({ name, key })}
              >
                {m.keys[name]}
              </button>
            ))}
          </span>
        ),
    },
  ];
}

const ROLES = ["device", "clerk", "manager", "auditor", "admin"] as const;
type Role = (typeof ROLES)[number];
const EVERYWHERE: Role[] = ["auditor", "admin"];

function CreateDialog(props: { onClose(): void; onIssued(key: Issued): void }) {
  const m = texts.value;
  const known = useLocations();
  const name = useSignal("");
  const role = useSignal<Role>("device");
  const locations = useSignal(known.length === 1 ? (known[0] ?? "") : "");
  const days = useSignal("");
  const mayCount = useSignal(false);
  const isEverywhere = EVERYWHERE.includes(role.value);
  const submit = async () => {
    const body = {
      name: name.value.trim(),
      role: role.value,
      locations: isEverywhere ? [] : lines(locations.value),
      may: role.value === "device" && mayCount.value ? ["count" as const] : [],
      ...(days.value.trim() ? { expiresInDays: Number(days.value) } : {}),
    };
    props.onIssued(await withRecentSignIn(() => request("post", "/keys", { body })));
  };
  return (
    <FormDialog
      title={m.keys.create}
      action={m.keys.create}
      onClose={props.onClose}
      onSubmit={submit}
    >
      <TextField label={m.keys.name} hint={m.keys.nameHint} required {...bound(name)} />
      <SelectField
        label={m.keys.role}
        hint={m.keys.roleHints[role.value]}
        value={role.value}
        options={ROLES.map((one) => [one, m.roles[one] ?? one])}
        onInput={(value) => {
          role.value = value as Role;
        }}
      />
      {!isEverywhere && (
        <Field label={m.keys.locations} hint={m.keys.locationsHint}>
          {(attributes) => (
            <textarea
              {...attributes}
              required
              rows={3}
              value={locations.value}
              onInput={(event) => {
                locations.value = event.currentTarget.value;
              }}
            />
          )}
        </Field>
      )}
      {role.value === "device" && (
        <CheckField
          label={m.keys.mayCount}
          checked={mayCount.value}
          onInput={(on) => {
            mayCount.value = on;
          }}
        />
      )}
      <NumberField
        label={m.keys.expires}
        hint={m.keys.expiresHint}
        pattern="\d*"
        {...bound(days)}
      />
    </FormDialog>
  );
}

function RotateDialog(props: { apiKey: Key; onClose(): void; onIssued(key: Issued): void }) {
  const m = texts.value;
  const hours = useSignal("24");
  const submit = async () => {
    const rotate = () =>
      request("post", "/keys/{keyId}/rotate", {
        path: { keyId: props.apiKey.keyId },
        body: { graceHours: Number(hours.value || "0") },
      });
    props.onIssued(await withRecentSignIn(rotate));
  };
  return (
    <FormDialog
      title={m.keys.rotateTitle(props.apiKey.name)}
      action={m.keys.rotate}
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>{m.keys.rotateHint}</p>
      <NumberField label={m.keys.grace} pattern="\d*" {...bound(hours)} />
    </FormDialog>
  );
}

function RevokeDialog(props: { apiKey: Key; onClose(): void; onDone(): void }) {
  const m = texts.value;
  const submit = async () => {
    const path = { keyId: props.apiKey.keyId };
    await withRecentSignIn(() => request("post", "/keys/{keyId}/revoke", { path }));
    tell(m.keys.revoked);
    props.onDone();
  };
  return (
    <FormDialog
      title={m.keys.revokeTitle(props.apiKey.name)}
      action={m.keys.revoke}
      danger
      isQuestion
      onClose={props.onClose}
      onSubmit={submit}
    >
      <p>{m.keys.revokeHint}</p>
    </FormDialog>
  );
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
