// What a proxy got from a control plane and needs when none answers: derived keys and the domain, sealed with a secret of the node.
import { hash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { SecretBox } from "../admin/store/sealed.ts";

export interface NodeKeys {
  readonly domain: string;
  /** By purpose. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

const context = "node keys";
const ownerOnly = 0o600;

/** Seals what lies on a proxy's disk. Whoever has the secret, a token or a private key, can follow the feed, too. */
export function nodeBox(secret: string, purpose: string): SecretBox {
  return new SecretBox(hash("sha256", `realmgate/node/${secret}`, "buffer"), purpose);
}

/** Null: there are none that this secret opens. */
export function readNodeKeys(path: string, secret: string): NodeKeys | null {
  if (!existsSync(path)) return null;
  const plain = nodeBox(secret, "keys").open(readFileSync(path), context);
  if (plain === null) return null;
  const { domain, keys }: { domain: string; keys: Record<string, string> } = JSON.parse(
    plain.toString(),
  );
  const entries = Object.entries(keys).map(
    ([name, key]) => [name, Buffer.from(key, "base64")] as const,
  );
  return { domain, keys: Object.fromEntries(entries) };
}

export function writeNodeKeys(path: string, secret: string, { domain, keys }: NodeKeys): void {
  const entries = Object.entries(keys).map(
    ([name, key]) => [name, Buffer.from(key).toString("base64")] as const,
  );
  const plain = Buffer.from(JSON.stringify({ domain, keys: Object.fromEntries(entries) }));
  writeFileSync(`${path}.new`, nodeBox(secret, "keys").seal(plain, context), {
    mode: ownerOnly,
    flush: true,
  });
  renameSync(`${path}.new`, path);
}
