// Name and password → user, for login and for Basic. Rate-limited; unknown users cost as much time as wrong passwords.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { LoginAttempt, LoginLimiter } from "./login-limiter.ts";
import { LoginRefused } from "./login-refused.ts";

/** Code points. Longer passwords are rejected without hashing them. */
const passwordCharactersMax = 128;

export class PasswordLogin {
  readonly #store: Store;
  readonly #limiter: LoginLimiter;
  readonly #decoyHash = decoyHash();

  constructor(store: Store, limiter: LoginLimiter) {
    this.#store = store;
    this.#limiter = limiter;
  }

  /** `name`: a user name or an e-mail address. Throws ApiError: INVALID_CREDENTIALS, ACCOUNT_BANNED, RATE_LIMITED. */
  async check(name: string, password: string, clientAddress: string): Promise<User> {
    const by = name.includes("@") ? { email: name } : { username: name };
    // No name has it, and not every database takes the question.
    const user = name.includes("\0") ? null : await this.#store.userForLogin(by);
    // No name is what other attempts count under.
    return this.#verify(user, password, { clientAddress, account: `name ${name}` });
  }

  /**
   * Verifies the password of a known user, under limits of its own: whoever fails to log in does not keep the owner from
   * changing the password. Throws as `check`.
   */
  async checkAgain(user: User, password: string, clientAddress: string): Promise<User> {
    return this.#verify(user, password, { clientAddress, account: `account ${user.id}` });
  }

  async #verify(user: User | null, password: string, attempt: LoginAttempt): Promise<User> {
    const hash = user?.passwordHash ?? (await this.#decoyHash);
    const fits = password !== "" && isShort(password);
    const userId = user?.id ?? null;
    const matches = await this.#limiter
      .attempt(
        attempt,
        async () =>
          (await Bun.password.verify(fits ? password : "-", hash)) && fits && user !== null,
      )
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        throw new LoginRefused(error.code, userId, error.retryAfterS);
      });
    if (user === null || !matches) throw new LoginRefused(ErrorCode.INVALID_CREDENTIALS, userId);
    // Only to whoever has the password: others do not learn that there is an account.
    if (user.isBanned) throw new LoginRefused(ErrorCode.ACCOUNT_BANNED, userId);
    return user;
  }

  /**
   * The stored form of a password: argon2id. Queued like checks, and counted as work of the network. Throws ApiError
   * RATE_LIMITED.
   */
  hash(password: string, attempt: LoginAttempt): Promise<string> {
    return this.#limiter.hashing(attempt, () => Bun.password.hash(password, "argon2id"));
  }
}

function isShort(password: string): boolean {
  return (
    password.length <= 2 * passwordCharactersMax && [...password].length <= passwordCharactersMax
  );
}

let decoy: Promise<string> | null = null;

/** Verified in place of the hash of an unknown user, so that timing does not reveal who exists. One per process. */
function decoyHash(): Promise<string> {
  decoy ??= Bun.password.hash(crypto.randomUUID(), "argon2id");
  return decoy;
}
