// A store with two users in it, and what conformance suites make of tokens there.
import { randomBytes } from "node:crypto";
import type { NewToken, Token, TokenWriter } from "../../src/admin/store/records.ts";
import { type Open, type OpenedStage, openStage, StoreStage } from "./open-store.ts";
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

/** Its clock stands still until a test moves it. */
export class TokenStage extends StoreStage {
  readonly ada: TokenWriter;
  readonly bob: TokenWriter;
  #aliases = 0;

  private constructor(stage: OpenedStage) {
    super(stage);
    [this.ada, this.bob] = [session(stage.users[0]), session(stage.users[1])];
  }

  static async open(open: Open): Promise<TokenStage> {
    return new TokenStage(await openStage(open, 0));
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
}
