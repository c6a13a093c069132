// UserService: sign-up. The answer does not reveal whether an account exists.
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type SignupRequest,
  SignupResponseSchema,
} from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Implementation, PublicContext } from "../api/dispatch.ts";
import type { PasswordLogin } from "../auth/password-login.ts";
import { checkPassword } from "../auth/password-rule.ts";
import { takeShared } from "../auth/shared-window.ts";
import { WindowLimiter } from "../auth/window-limiter.ts";
import type { Store } from "../store/store.ts";

/** Sign-ups per network. */
const signups = { max: 5, windowS: 3600 };

/** A name is `<local part>-<4 hex digits>` and has at most 50 characters. */
const localPartMax = 45;
const localPartMin = 3;
/** Names to try until one is free. */
const namesMax = 64;

export interface SignupParts {
  readonly store: Store;
  readonly logins: PasswordLogin;
  /** Whether the installation accepts new accounts; see REALMGATE_SIGNUP. */
  readonly signup: boolean;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function signupMethod({ store, logins, signup, now }: SignupParts) {
  const limiter = new WindowLimiter(signups, () => now() / 1000);
  return {
    async signup({ email, password }: SignupRequest, { clientAddress }: PublicContext) {
      // The first user is made at the start: nobody signs up before.
      if (!signup || !(await store.hasUsers())) {
        throw new ApiError(ErrorCode.REGISTRATION_DISABLED);
      }
      checkPassword(password);
      limiter.take(clientAddress);
      await takeShared({ store, name: "signup", ...signups, now }, clientAddress);
      // For a registered address, too, a hash is computed and the answer is the same.
      const attempt = { clientAddress, account: `signup ${email}` };
      await createAccount(store, email, await logins.hash(password, attempt));
      return { message: create(SignupResponseSchema, { email }) };
    },
  } satisfies Implementation["methods"];
}

/** Creates an account unless the address is registered. */
async function createAccount(store: Store, email: string, passwordHash: string): Promise<void> {
  for (let tries = 0; tries < namesMax; tries++) {
    const username = `${localPart(email)}-${randomBytes(2).toString("hex")}`;
    if (await store.createUser({ username, email, passwordHash })) return;
    if ((await store.userForLogin({ email })) !== null) return;
  }
  throw new Error(`no free user name found in ${namesMax} attempts`);
}

/** The local part of an e-mail address, reduced to the characters of a user name. */
function localPart(email: string): string {
  const kept = email
    .slice(0, email.indexOf("@"))
    .replace(/[^a-zA-Z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, localPartMax);
  return kept.padEnd(localPartMin, "_");
}
