import { hash, timingSafeEqual } from "node:crypto";
import { type GroupSet, setOf, union } from "./bitset.ts";

/** A user name and password of one group: `digest` is lower-case hex SHA-256 of salt and password. */
export interface GroupPassword {
  readonly username: string;
  readonly salt: string;
  readonly digest: string;
  readonly group: number;
}

/**
 * Passwords by user name. Every look-up hashes `rounds` times, the most different salts that one user has (nearly
 * always 1), so that an unknown user costs what a known one costs.
 */
export interface PasswordTable {
  readonly rounds: number;
  readonly users: ReadonlyMap<string, readonly SaltedPasswords[]>;
}

interface SaltedPasswords {
  readonly salt: string;
  readonly accounts: readonly { readonly digest: Uint8Array; readonly groups: GroupSet }[];
}

/** Hashed and compared for users and rounds that are not there. No text is known to have this digest, and it is in no group. */
const DECOY: SaltedPasswords = {
  salt: "no such user",
  accounts: [{ digest: Buffer.alloc(32), groups: setOf(0, []) }],
};

export function buildPasswordTable(
  groups: number,
  passwords: readonly GroupPassword[],
): PasswordTable {
  const users = new Map<string, SaltedPasswords[]>();
  for (const [username, own] of Map.groupBy(passwords, (password) => password.username)) {
    const bySalt = Map.groupBy(own, (password) => password.salt);
    users.set(
      username,
      Array.from(bySalt, ([salt, accounts]) => ({
        salt,
        accounts: accounts.map(({ digest, group }) => ({
          digest: Buffer.from(digest, "hex"),
          groups: setOf(groups, [group]),
        })),
      })),
    );
  }
  const rounds = Math.max(0, ...Array.from(users.values(), (salts) => salts.length));
  return { rounds, users };
}

/** The groups with this user name and password; undefined when there is none. */
export function matchPassword(
  table: PasswordTable,
  username: string,
  password: string,
): GroupSet | undefined {
  const salts = table.users.get(username);
  let matched: GroupSet | undefined;
  for (let round = 0; round < table.rounds; round++) {
    const { salt, accounts } = salts?.[round] ?? DECOY;
    const digest = hash("sha256", salt + password, "buffer");
    for (const account of accounts) {
      if (timingSafeEqual(digest, account.digest)) {
        matched = union(account.groups, matched ?? account.groups);
      }
    }
  }
  return matched;
}
