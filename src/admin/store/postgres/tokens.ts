// Auth tokens.
import { and, desc, eq, gt, inArray, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import { newId } from "../id.ts";
import { expiredTokensMax, tokenListBytesMax, tokensMax } from "../limits.ts";
import type { ListQuery } from "../paging.ts";
import type {
  NewToken,
  Token,
  TokenChange,
  TokenList,
  TokenScope,
  TokenWriter,
} from "../records.ts";
import type { TokenStore } from "../store.ts";
import type { Database } from "./database.ts";
import { isAfter, newestFirst, orderOf, positionOf, sequenceOf } from "./page.ts";
import { carriesAll, isWithin, scopedToken } from "./realm-scoped.ts";
import { tokenRealms, tokens } from "./schema.ts";
import { readChain, readStored, readToken, readTokens } from "./token-rows.ts";
import type { Reader, Transaction } from "./transaction.ts";

const sorted = { table: tokens, columns: { created_at: tokens.createdAt } };
const sequence = sequenceOf(tokens);

export function tokenStore(db: Database): TokenStore {
  return {
    async tokenChain(secretHash: Buffer): Promise<readonly Token[]> {
      return db.look(async (tx) => await readChain(tx, eq(tokens.secretHash, secretHash)));
    },

    async chainOf(scope: TokenScope, id: string): Promise<readonly Token[]> {
      const where = and(eq(tokens.id, id), tokenInScope(db.reader, scope));
      return db.look(async (tx) => await readChain(tx, where));
    },

    async createToken(
      writer: TokenWriter,
      token: NewToken & { readonly secretHash: Buffer },
    ): Promise<Token | "duplicate" | "limit" | "gone"> {
      return db.transaction(async (tx) => {
        const { createdByTokenId } = token;
        if (createdByTokenId !== null && !(await isThere(tx, eq(tokens.id, createdByTokenId)))) {
          return "gone";
        }
        const now = db.timestamp();
        if (await aliasTaken(tx, writer, token.alias)) return "duplicate";
        if (await isFull(tx, writer, now)) return "limit";
        await dropExpired(tx, writer, createdByTokenId, now);
        const { realmIds, ipWhitelist, ...fields } = token;
        const id = newId();
        await tx.insert(tokens).values({
          ...fields,
          id,
          userId: writer.userId,
          publicKeyAt: token.publicKey === null ? null : now,
          ipWhitelist: JSON.stringify(ipWhitelist),
          isEnabled: true,
          createdAt: now,
          updatedAt: now,
        });
        await writeRealms(tx, id, realmIds);
        return await readStored(tx, id);
      });
    },

    async tokens(scope: TokenScope, query: ListQuery = {}): Promise<TokenList> {
      return db.look(async (tx) => await readList(tx, tokenInScope(tx, scope), query));
    },

    async token(scope: TokenScope, id: string): Promise<Token | null> {
      return await readToken(db.reader, and(eq(tokens.id, id), tokenInScope(db.reader, scope)));
    },

    async updateToken(
      writer: TokenWriter,
      id: string,
      change: (present: Token) => TokenChange,
    ): Promise<Token | "duplicate" | "limit" | null> {
      return db.transaction(async (tx) => {
        const present = await readToken(tx, and(eq(tokens.id, id), tokenInScope(tx, writer)));
        if (present === null) return null;
        const next = change(present);
        const now = db.timestamp();
        const { alias = present.alias, expiresAt = present.expiresAt } = next;
        if (alias !== present.alias && (await aliasTaken(tx, writer, alias))) return "duplicate";
        const revived = isExpired(present.expiresAt, now) && !isExpired(expiresAt, now);
        if (revived && (await isFull(tx, writer, now))) return "limit";
        return await write(tx, present, next, now);
      });
    },

    async updateOwnProfile(
      id: string,
      change: (present: Token) => Pick<TokenChange, "publicKey" | "publicStorage">,
    ): Promise<Token | null> {
      return db.transaction(async (tx) => {
        const present = await readToken(tx, eq(tokens.id, id));
        return present === null ? null : await write(tx, present, change(present), db.timestamp());
      });
    },

    async deleteToken(scope: TokenScope, id: string): Promise<boolean> {
      return db.transaction(async (tx) => {
        const there = await isThere(tx, and(eq(tokens.id, id), tokenInScope(tx, scope)));
        if (there) await tx.delete(tokens).where(eq(tokens.id, id));
        return there;
      });
    },

    async publicProfile(
      publicKey: string,
      realms: readonly string[],
    ): Promise<{ readonly publicStorage: string | null } | null> {
      const row = (
        await db.reader
          .select({ publicStorage: tokens.publicStorage })
          .from(tokens)
          .where(and(eq(tokens.publicKey, publicKey), carriesAll(db.reader, scopedToken, realms)))
          .orderBy(tokens.publicKeyAt, sequence)
          .limit(1)
      )[0];
      return row ?? null;
    },

    async touchToken(id: string, ip: string): Promise<Pick<Token, "lastUsedAt" | "lastUsedIp">> {
      const use = { lastUsedAt: db.timestamp(), lastUsedIp: ip };
      // Nothing waits for the disk: the last moments of this may be lost.
      await db.reader.execute(sql`
        with quick as (select set_config('synchronous_commit', 'off', true))
        update ${tokens} set last_used_at = ${use.lastUsedAt}, last_used_ip = ${ip}
        from quick where ${tokens.id} = ${id}`);
      return use;
    },

    async tokenCount(userId: string): Promise<number> {
      return db.reader.$count(tokens, eq(tokens.userId, userId));
    },
  };
}

/** What a caller may touch of the tokens that a query names. */
export function tokenInScope(reader: Reader, scope: TokenScope): SQL | undefined {
  return and(ofMaker(scope), carriesAll(reader, scopedToken, scope.realms));
}

/** A user's tokens, or those made from a token and from those in turn: never the token itself. */
function ofMaker({ userId, madeFrom }: Pick<TokenScope, "userId" | "madeFrom">): SQL | undefined {
  const made = sql`${tokens.id} in (
    with recursive made(id) as (
      select id from ${tokens} where created_by_token_id = ${madeFrom}
      union all
      select child.id from ${tokens} as child join made on child.created_by_token_id = made.id
    )
    select id from made
  )`;
  return and(eq(tokens.userId, userId), madeFrom === null ? undefined : made);
}

/**
 * What a writer may ever see, on whatever host. Aliases and numbers count among these alone: a caller that is confined to
 * realms hears nothing of the others.
 */
function everSeen(reader: Reader, writer: TokenWriter): SQL | undefined {
  const { confinedTo } = writer;
  return and(ofMaker(writer), isWithin(reader, scopedToken, confinedTo));
}

async function aliasTaken(tx: Transaction, writer: TokenWriter, alias: string): Promise<boolean> {
  return await isThere(tx, and(eq(tokens.alias, alias), everSeen(tx, writer)));
}

/** Whether there are as many as there may be. Those that have expired do not count, those that are suspended do. */
async function isFull(tx: Transaction, writer: TokenWriter, now: string): Promise<boolean> {
  const live = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now));
  const rows = await tx
    .select({ id: tokens.id })
    .from(tokens)
    .where(and(live, everSeen(tx, writer)))
    .limit(tokensMax);
  return rows.length === tokensMax;
}

function isExpired(expiresAt: string | null, now: string): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Of the maker's expired tokens keeps the latest, so that a maker of short-lived ones does not fill the disk. */
async function dropExpired(
  tx: Transaction,
  writer: TokenWriter,
  createdByTokenId: string | null,
  now: string,
): Promise<void> {
  const ofSameMaker =
    createdByTokenId === null
      ? isNull(tokens.createdByTokenId)
      : eq(tokens.createdByTokenId, createdByTokenId);
  const surplus = await tx
    .select({ id: tokens.id })
    .from(tokens)
    .where(and(ofSameMaker, lte(tokens.expiresAt, now), everSeen(tx, writer)))
    .orderBy(desc(tokens.expiresAt), desc(sequence))
    .limit(tokensMax)
    .offset(expiredTokensMax);
  for (const { id } of surplus) await tx.delete(tokens).where(eq(tokens.id, id));
}

async function isThere(reader: Reader, where: SQL | undefined): Promise<boolean> {
  return (await reader.select({ id: tokens.id }).from(tokens).where(where))[0] !== undefined;
}

/** Sizes are looked at before anything is read: a list of the greatest tokens there may be does not fit in memory. */
async function readList(
  reader: Reader,
  where: SQL | undefined,
  { limit = tokensMax, after }: ListQuery,
): Promise<TokenList> {
  const query = { ...newestFirst, after };
  const most = Math.min(limit, tokensMax);
  const realms = reader
    .select({ bytes: sql<number>`count(*) * 27` })
    .from(tokenRealms)
    .where(eq(tokenRealms.tokenId, tokens.id));
  const rows = await reader
    .select({
      id: tokens.id,
      bytes: sql<number>`length(${tokens.ipWhitelist}) + length(${tokens.permissions})
        + coalesce(octet_length(${tokens.publicStorage}), 0) + ${realms}`.mapWith(Number),
    })
    .from(tokens)
    .where(and(where, isAfter(sorted, query)))
    .orderBy(...orderOf(sorted, query))
    .limit(most + 1);
  const ids: string[] = [];
  let total = 0;
  for (const { id, bytes } of rows) {
    total += bytes;
    if (ids.length === most || (ids.length > 0 && total > tokenListBytesMax)) break;
    ids.push(id);
  }
  const last = ids.length < rows.length ? ids.at(-1) : undefined;
  return {
    tokens: await readTokens(reader, inArray(tokens.id, ids)),
    next: last === undefined ? null : await positionOf(reader, sorted, query, last),
  };
}

async function write(
  tx: Transaction,
  present: Token,
  change: TokenChange,
  now: string,
): Promise<Token> {
  const { id } = present;
  const { realmIds, ipWhitelist, ...fields } = change;
  const list = ipWhitelist === undefined ? {} : { ipWhitelist: JSON.stringify(ipWhitelist) };
  const { publicKey = present.publicKey } = change;
  const claim =
    publicKey === present.publicKey ? {} : { publicKeyAt: publicKey === null ? null : now };
  if (Object.keys(change).length > 0) {
    await tx
      .update(tokens)
      .set({ ...fields, ...list, ...claim, updatedAt: now })
      .where(eq(tokens.id, id));
  }
  if (realmIds !== undefined) {
    await tx.delete(tokenRealms).where(eq(tokenRealms.tokenId, id));
    await writeRealms(tx, id, realmIds);
  }
  return await readStored(tx, id);
}

async function writeRealms(
  tx: Transaction,
  tokenId: string,
  realmIds: readonly string[],
): Promise<void> {
  const rows = [...new Set(realmIds)].map((realmId) => ({ tokenId, realmId }));
  if (rows.length > 0) await tx.insert(tokenRealms).values(rows);
}
