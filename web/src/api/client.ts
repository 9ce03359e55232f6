/** Requests to the API, typed by its OpenAPI document. */
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

type Method = "get" | "post" | "patch" | "delete";
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;
type Query<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
type PathValues<O> = O extends { parameters: { path: infer V } } ? V : never;
type Body<O> = O extends { requestBody?: { content: infer C } } ? C[keyof C] : never;
type JsonOf<R> = R extends { content: { "application/json": infer A } } ? A : undefined;
type Answer<O> = O extends { responses: infer R }
  ? JsonOf<R[Extract<keyof R, 200 | 201 | 204>]>
  : never;

export interface RequestOptions<O> {
  path?: PathValues<O>;
  query?: Query<O>;
  body?: Body<O>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds; null for work that may take longer. */
  timeout?: number | null;
}

/** Every request ends: a line that is dead without a word must not leave a page waiting. */
const TIMEOUT_MS = 30_000;

/** An answer that is a problem (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: Record<string, unknown>;
  /** Seconds after which the same request may succeed. */
  readonly retryAfter: number | null;

  constructor(status: number, body: Partial<Schemas["Problem"]>, retryAfter: string | null) {
    super(body.detail ?? `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "INTERNAL_ERROR";
    this.details = body.details ?? {};
    this.retryAfter = retryAfter === null ? null : Number(retryAfter);
  }
}

/** No answer of this server: no network, a timeout, or something between that answers for it. */
export class Unreachable extends Error {}

let onSignedOut: () => void = () => undefined;

/** Sets what happens when the server no longer knows the session. */
export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

export async function request<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  options: RequestOptions<Operation<P, M>> = {},
): Promise<Answer<Operation<P, M>>> {
  const answer = await send(
    method,
    address(path, options.path, options.query),
    options,
    options.timeout === undefined ? TIMEOUT_MS : options.timeout,
  );
  if (answer.status === 204) return undefined as Answer<Operation<P, M>>;
  if (!isJson(answer)) throw new Unreachable("the answer is not from this server");
  return (await answer.json()) as Answer<Operation<P, M>>;
}

/** Fetches a file of one type. Rejects if the server breaks it off. */
export async function fetchFile(path: string, accept: string): Promise<Blob> {
  const answer = await send("get", path, { headers: { Accept: accept } }, null);
  // The page of a network that asks for a sign-in must not be kept as a proof.
  if (!answer.headers.get("Content-Type")?.startsWith(accept)) {
    throw new Unreachable("the answer is not from this server");
  }
  try {
    return await answer.blob();
  } catch {
    throw new Unreachable("the file is not whole");
  }
}

export function address(path: string, values?: object, query?: object): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String((values as Record<string, unknown> | undefined)?.[name])),
  );
  const given = Object.entries(query ?? {}).filter(
    ([, value]) => value !== undefined && value !== null && value !== "" && value !== false,
  );
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${filled}?${search}` : filled;
}

async function send(
  method: string,
  url: string,
  options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  timeout: number | null,
): Promise<Response> {
  const { body } = options;
  const isFile = typeof Blob !== "undefined" && body instanceof Blob;
  const signals = [options.signal, timeout === null ? undefined : AbortSignal.timeout(timeout)];
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: method.toUpperCase(),
      credentials: "same-origin",
      redirect: "error",
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": isFile ? "text/csv" : "application/json" }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: isFile ? (body as Blob) : JSON.stringify(body) }),
      signal: AbortSignal.any(signals.filter((one) => one !== undefined)),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(String(error));
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  const isOfSession = options.headers?.Authorization === undefined;
  if (answer.status === 401 && isOfSession && problem instanceof Problem) onSignedOut();
  throw problem;
}

async function problemOf(answer: Response): Promise<Error> {
  if (!isJson(answer)) return new Unreachable(`HTTP ${answer.status}`);
  const problem = new Problem(
    answer.status,
    (await answer.json()) as Partial<Schemas["Problem"]>,
    answer.headers.get("Retry-After"),
  );
  return problem;
}

function isJson(answer: Response): boolean {
  return /\bjson\b/.test(answer.headers.get("Content-Type") ?? "");
}
