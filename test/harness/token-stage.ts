// A store with two users in it, and what conformance suites make of tokens there.
import { randomBytes } from "node:crypto";
import type { NewToken, Token, TokenWriter } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open, OpenStore } from "./open-store.ts";
import { plainToken } from "./token-bench.ts";

const dayMs = 86_400_000;

/** What a user's session may touch. */
export function session(userId: string): TokenWriter {
  return { userId, realms: [], confinedTo: null, madeFrom: null };
}

/** What a token may touch. */
export function by({ userId, id }: Token, fields: Partial<TokenWriter> = {}): TokenWriter {
  return { ...session(userId), madeFrom: id, ...fields };
}

/** In milliseconds; it stands still until a test moves it. */
interface Clock {
  now: number;
}

export class TokenStage implements AsyncDisposable {
  readonly clock: Clock;
  readonly #opened: OpenStore;
  readonly store: Store;
  readonly ada: TokenWriter;
  readonly bob: TokenWriter;
  #aliases = 0;

  private constructor(opened: OpenStore, clock: Clock, users: readonly [string, string]) {
    this.#opened = opened;
    this.clock = clock;
    this.store = opened.store;
    this.ada = session(users[0]);
    this.bob = session(users[1]);
  }

  static async open(open: Open): Promise<TokenStage> {
    const clock = { now: Date.UTC(2026, 0, 1) };
    const opened = await open(() => clock.now);
    const users = [await opened.addUser("ada"), await opened.addUser("bob")] as const;
    return new TokenStage(opened, clock, users);
  }

  /** The time, as it is stored. */
  get time(): string {
    return this.inDays(0);
  }

  inDays(days: number): string {
    return new Date(this.clock.now + days * dayMs).toISOString();
  }

  async tryToMake(writer: TokenWriter, fields: Partial<NewToken> = {}) {
    return this.store.createToken(writer, {
      ...plainToken,
      createdByTokenId: writer.madeFrom,
      alias: `t${++this.#aliases}`,
      ...fields,
      secretHash: randomBytes(32),
    });
  }

  async make(writer: TokenWriter, fields: Partial<NewToken> = {}): Promise<Token> {
    const made = await this.tryToMake(writer, fields);
    if (typeof made === "string") throw new Error(made);
    return made;
  }

  async updated(writer: TokenWriter, id: string, change: Partial<Token>): Promise<Token> {
    const token = await this.store.updateToken(writer, id, () => change);
    if (token === null || typeof token === "string") throw new Error(`${token}`);
    return token;
  }

  reopen(): Promise<Store> {
    return this.#opened.reopen();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#opened[Symbol.asyncDispose]();
  }
}
