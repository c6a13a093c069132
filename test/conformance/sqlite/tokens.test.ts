import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hashSecret, newSecret } from "../../../src/admin/auth/token-secret.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../../src/admin/store/sqlite/sqlite-store.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { plainToken } from "../../harness/token-bench.ts";
import { tokenLimitConformance } from "../token-limits.ts";
import { tokenConformance } from "../tokens.ts";

tokenConformance("the SQLite store", openSqlitePlace);

// A thousand writes take their time on a disk.
tokenLimitConformance("the SQLite store in memory", async (now) => {
  const box = new SecretBox(randomBytes(32), "documents");
  const store = openSqliteStore({ path: ":memory:", box, now });
  return {
    store,
    reopen: () => Promise.reject(new Error("nothing is left behind")),
    async addUser(username) {
      const email = `${username}@example.com`;
      await store.createUser({ username, email, passwordHash: "" });
      return (await store.userForLogin({ username }))?.id ?? "";
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
});

test("no file has a secret in clear, before and after closing", async () => {
  await using place = await openSqlitePlace(Date.now);
  const userId = await place.addUser("ada");
  const writer = { userId, realms: [], confinedTo: null, madeFrom: null };
  const secret = newSecret();
  const secretHash = hashSecret(secret);
  const made = await place.store.createToken(writer, { ...plainToken, secretHash });
  if (typeof made === "string") throw new Error(made);
  for (let pass = 0; pass < 2; pass++) {
    const folder = dirname(place.path);
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    const has = (text: string) => files.some((file) => file.includes(text));
    expect(has(made.id)).toBeTrue();
    expect(has(secret)).toBeFalse();
    expect(has(secret.slice(4))).toBeFalse();
    const store = await place.reopen();
    expect(await store.tokenChain(hashSecret(secret))).toEqual([made]);
  }
});
