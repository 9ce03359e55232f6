/** UUIDs (RFC 9562) of transactions and items. */

/** The namespace of item ids. See domain/stock_item.py. */
const ITEMS = "6d1f3c52-7f0a-5b0e-9c3e-0f6b3a1d2e47";

/** The one Unicode form of a location or SKU. See domain/labels.py. */
function keptForm(label: string): string {
  return label.replace(/\p{Zs}/gu, " ").normalize("NFC");
}

export async function itemId(location: string, sku: string): Promise<string> {
  return uuid5(ITEMS, `${keptForm(location)}\x1f${keptForm(sku)}`);
}

/** The localId of the VOID of a transaction: each is voided at most once. */
export async function voidId(localId: string): Promise<string> {
  return uuid5(localId, "void");
}

export async function uuid5(namespace: string, name: string): Promise<string> {
  const bytes = new Uint8Array([...toBytes(namespace), ...new TextEncoder().encode(name)]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes)).slice(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return toText(hash);
}

function toBytes(uuid: string): number[] {
  return (uuid.replaceAll("-", "").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

function toText(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
