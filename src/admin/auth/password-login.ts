// Name and password → user, for login and for Basic alike: limited, and alike for who is there and who is not.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { LoginLimiter } from "./login-limiter.ts";

/** Characters (code points, of at most two units each). More are not hashed for anybody. */
const passwordCharactersMax = 128;

export class PasswordLogin {
  readonly #store: Store;
  readonly #limiter: LoginLimiter;
  readonly #nobody = hashOfNobody();

  constructor(store: Store, limiter: LoginLimiter) {
    this.#store = store;
    this.#limiter = limiter;
  }

  /** `name`: a user name, or an e-mail address. Throws ApiError: INVALID_CREDENTIALS, RATE_LIMITED. */
  async check(name: string, password: string, clientAddress: string): Promise<User> {
    const by = name.includes("@") ? { email: name } : { username: name };
    const user = await this.#store.userForLogin(by);
    return this.#verify(user, password, clientAddress);
  }

  /** Whether it is this user's password, under the same limits. Throws as `check`. */
  async checkAgain(user: User, password: string, clientAddress: string): Promise<User> {
    return this.#verify(user, password, clientAddress);
  }

  async #verify(user: User | null, password: string, clientAddress: string): Promise<User> {
    const hash = user?.passwordHash ?? (await this.#nobody);
    const fits = password !== "" && isShort(password);
    const matches = await this.#limiter.attempt(
      clientAddress,
      async () => (await Bun.password.verify(fits ? password : "-", hash)) && fits && user !== null,
    );
    if (user === null || !matches) throw new ApiError(ErrorCode.INVALID_CREDENTIALS);
    return user;
  }

  /** A password as it is stored: argon2id. Hashing waits its turn as checking does. */
  hash(password: string): Promise<string> {
    return this.#limiter.inTurn(() => Bun.password.hash(password, "argon2id"));
  }
}

function isShort(password: string): boolean {
  return (
    password.length <= 2 * passwordCharactersMax && [...password].length <= passwordCharactersMax
  );
}

let nobody: Promise<string> | null = null;

/** An unknown user costs as much as a wrong password. One of these does for a process. */
function hashOfNobody(): Promise<string> {
  nobody ??= Bun.password.hash(crypto.randomUUID(), "argon2id");
  return nobody;
}
