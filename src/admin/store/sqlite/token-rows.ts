// Rows of auth tokens → tokens, each with its realms.
import { desc, eq, getTableColumns, type SQL } from "drizzle-orm";
import type { Token } from "../records.ts";
import { sequenceOf } from "./page.ts";
import { scopedToken, withRealms } from "./realm-scoped.ts";
import { tokens } from "./schema.ts";
import type { Reader } from "./transaction.ts";

const sequence = sequenceOf(tokens);

export function readToken(reader: Reader, where: SQL | undefined): Token | null {
  return readTokens(reader, where)[0] ?? null;
}

export function readStored(reader: Reader, id: string): Token {
  const token = readToken(reader, eq(tokens.id, id));
  if (token === null) throw new Error(`token ${id} was not stored`);
  return token;
}

export function readChain(reader: Reader, where: SQL | undefined): Token[] {
  const chain: Token[] = [];
  let next = readToken(reader, where);
  while (next !== null) {
    chain.push(next);
    const { createdByTokenId } = next;
    next = createdByTokenId === null ? null : readStored(reader, createdByTokenId);
  }
  return chain;
}

const { secretHash: _, publicKeyAt: __, ...shownColumns } = getTableColumns(tokens);

/** Newest first. */
export function readTokens(reader: Reader, where: SQL | undefined): Token[] {
  const rows = reader
    .select(shownColumns)
    .from(tokens)
    .where(where)
    .orderBy(desc(tokens.createdAt), desc(sequence))
    .all();
  return withRealms(reader, scopedToken, rows).map((row) => ({
    ...row,
    ipWhitelist: JSON.parse(row.ipWhitelist),
  }));
}
