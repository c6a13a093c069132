import { hash } from "node:crypto";
import { parseBasic } from "./authorization.ts";
import type { GroupSet } from "./bitset.ts";
import {
  buildPasswordTable,
  type GroupPassword,
  matchPassword,
  type PasswordTable,
} from "./password.ts";

/** A user name and password that match. */
export interface VerifiedUser {
  readonly groups: GroupSet;
  readonly username: string;
}

/** Authorization headers remembered by one document. */
export const verifiedPasswordsMax = 1024;

/**
 * Verifies HTTP Basic for the password groups of one document. It remembers what matched, by the SHA-256 of the whole
 * header (no password is kept), and never what did not: a wrong password and an unknown user take the same long way.
 */
export class PasswordVerifier {
  readonly #table: PasswordTable;
  readonly #verified = new Map<string, VerifiedUser>();

  constructor(groups: number, passwords: readonly GroupPassword[]) {
    this.#table = buildPasswordTable(groups, passwords);
  }

  /** The groups with the user name and password of this Authorization header; undefined when there is none. */
  verify(authorization: string): VerifiedUser | undefined {
    const digest = hash("sha256", authorization, "latin1");
    const known = this.#verified.get(digest);
    if (known !== undefined) {
      return known;
    }
    const user = parseBasic(authorization);
    const groups = user && matchPassword(this.#table, user.username, user.password);
    if (!user || !groups) {
      return undefined;
    }
    const matched = { groups, username: user.username };
    this.#verified.set(digest, matched);
    const [oldest] = this.#verified.keys();
    if (this.#verified.size > verifiedPasswordsMax && oldest !== undefined) {
      this.#verified.delete(oldest);
    }
    return matched;
  }
}
