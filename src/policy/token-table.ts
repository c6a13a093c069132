import { hash } from "node:crypto";
import { type GroupSet, setOf, union } from "./bitset.ts";

/**
 * Static tokens that are read at one place, keyed by their SHA-256: finding one costs the same however many there are,
 * and how long it takes says nothing about the values, of which none is kept.
 */
export type TokenTable = ReadonlyMap<string, GroupSet>;

/** A token of one group. */
export interface GroupToken {
  readonly value: string;
  readonly group: number;
}

export function buildTokenTable(groups: number, tokens: readonly GroupToken[]): TokenTable {
  const table = new Map<string, GroupSet>();
  for (const { value, group } of tokens) {
    const digest = digestOf(value);
    const own = setOf(groups, [group]);
    table.set(digest, union(table.get(digest) ?? own, own));
  }
  return table;
}

/** The groups whose token this is; undefined when there is none. */
export function matchToken(table: TokenTable, value: string): GroupSet | undefined {
  return table.get(digestOf(value));
}

/** Latin-1 text of the digest: 32 characters, the shortest key a Map takes by value. */
function digestOf(value: string): string {
  return hash("sha256", value, "latin1");
}
