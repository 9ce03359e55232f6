/** The person who is signed in. */
import { signal } from "@preact/signals";
import { Problem, request, type Schemas, whenSignedOut } from "../api/client.ts";
import { refreshAll } from "../shared/resource.ts";

export type Session = Schemas["SessionDescription"];

/** Undefined: not known yet. Null: nobody. */
export const session = signal<Session | null | undefined>(undefined);

/** Why the page asks for a sign-in over what is open. */
export const askAgain = signal<"lost" | "confirm" | null>(null);

whenSignedOut(() => {
  if (session.peek()) askAgain.value = "lost";
  else if (session.peek() === undefined) session.value = null;
});

export async function loadSession(): Promise<void> {
  try {
    if (!session.peek()) {
      // Asked first, because a request without a session would be a failed one in the audit trail.
      const { signedIn, apiKey } = await request("get", "/session/methods");
      if (!signedIn && apiKey) {
        session.value = null;
        return;
      }
    }
    session.value = await request("get", "/session");
  } catch (error) {
    if (!(error instanceof Problem && error.status === 401)) throw error;
    // The page stays open under the question for a sign-in: nothing that was typed is lost.
    if (!session.peek()) session.value = null;
  }
}

/** Exchanges a key for a session. The page does not keep the key. */
export async function signIn(key: string): Promise<void> {
  const opened = await request("post", "/session", { headers: { Authorization: `Bearer ${key}` } });
  const before = session.peek();
  if (before && !isSame(before, opened)) {
    location.assign("/console/"); // What the other person saw must not stay.
    return;
  }
  session.value = opened;
  answer(true);
  refreshAll();
}

function isSame(one: Session, other: Session): boolean {
  return one.actor === other.actor && one.keyId === other.keyId && one.role === other.role;
}

const tabs = new BroadcastChannel("stockledger-session");
tabs.onmessage = () => location.assign("/console/");

/** Signs out, in all tabs of the browser. */
export async function signOut(everywhere: boolean): Promise<void> {
  await request("delete", "/session", { query: { everywhere } });
  tabs.postMessage("signed out");
  location.assign("/console/");
}

export function may(permission: string): boolean {
  return session.value?.permissions.includes(permission) ?? false;
}

let onAnswered: (signedIn: boolean) => void = () => undefined;

/** Ends the question for a sign-in. */
export function answer(signedIn: boolean): void {
  if (!signedIn && askAgain.peek() === "lost") session.value = null;
  askAgain.value = null;
  onAnswered(signedIn);
}

/** Runs an action on keys. If the sign-in is too old, asks for a new one first. */
export async function withRecentSignIn<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Problem && error.code === "SIGN_IN_TOO_OLD")) throw error;
    askAgain.value = "confirm";
    const signedIn = await new Promise<boolean>((resolve) => {
      onAnswered = resolve;
    });
    if (!signedIn) throw error;
    return await act();
  }
}
