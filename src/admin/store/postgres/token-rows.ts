// Rows of auth tokens → tokens, each with its realms.
import { desc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { Token } from "../records.ts";
import { sequenceOf } from "./page.ts";
import { scopedToken, withRealms } from "./realm-scoped.ts";
import { tokens } from "./schema.ts";
import type { Reader } from "./transaction.ts";

const sequence = sequenceOf(tokens);

export async function readToken(reader: Reader, where: SQL | undefined): Promise<Token | null> {
  return (await readTokens(reader, where))[0] ?? null;
}

export async function readStored(reader: Reader, id: string): Promise<Token> {
  const token = await readToken(reader, eq(tokens.id, id));
  if (token === null) throw new Error(`token ${id} was not stored`);
  return token;
}

export async function readChain(reader: Reader, where: SQL | undefined): Promise<Token[]> {
  const first = reader
    .select({ id: tokens.id, maker: tokens.createdByTokenId })
    .from(tokens)
    .where(where);
  const ids = sql`(
    with recursive chain(id, maker) as (
      ${first}
      union all
      select next.id, next.created_by_token_id from ${tokens} as next join chain on next.id = chain.maker
    )
    select id from chain
  )`;
  const found = await readTokens(reader, sql`${tokens.id} in ${ids}`);
  const makers = new Map(found.map((token) => [token.id, token]));
  const isMaker = new Set(found.map((token) => token.createdByTokenId));
  const chain: Token[] = [];
  let next = found.find(({ id }) => !isMaker.has(id));
  while (next !== undefined) {
    chain.push(next);
    next = next.createdByTokenId === null ? undefined : makers.get(next.createdByTokenId);
  }
  return chain;
}

const { secretHash: _, publicKeyAt: __, sequence: ___, ...shownColumns } = getTableColumns(tokens);

/** Newest first. */
export async function readTokens(reader: Reader, where: SQL | undefined): Promise<Token[]> {
  const rows = await reader
    .select(shownColumns)
    .from(tokens)
    .where(where)
    .orderBy(desc(tokens.createdAt), desc(sequence));
  return (await withRealms(reader, scopedToken, rows)).map((row) => ({
    ...row,
    ipWhitelist: JSON.parse(row.ipWhitelist),
  }));
}
