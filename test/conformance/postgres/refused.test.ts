// Databases that are not opened: each with what to do about it, and nothing is written.
import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { postgres, stopPostgres } from "../../harness/postgres-store.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const box = new SecretBox(randomBytes(32), "documents");
const open = (url: string, key = box) => openPostgresStore({ url, box: key, now: Date.now });

describe.skipIf(postgresBinaries === null)("a PostgreSQL database is refused", () => {
  afterAll(stopPostgres);

  test("when no server answers", async () => {
    await expect(open("postgres://gate:hunter2@127.0.0.1:1/gate")).rejects.toThrow(
      /^no PostgreSQL server answers .*: start it, or check REALMGATE_DATABASE_URL$/,
    );
  });

  test("when it does not exist", async () => {
    const server = await postgres();
    await expect(open(server.url("nowhere"))).rejects.toThrow(/does not exist: create it/);
  });

  test("when the password is wrong", async () => {
    const server = await postgres();
    await server.query(server.url("postgres"), "create role gate login password 'right'");
    await server.requirePassword("gate");
    const url = server.url("postgres").replace("realmgate@", "gate:hunter2@");
    const refused = open(url);
    await expect(refused).rejects.toThrow(
      /refuses the user or the password .*REALMGATE_DATABASE_URL$/,
    );
    await expect(refused).rejects.not.toThrow(/hunter2/);
  });

  test("with another secret key, and opens with its own afterwards", async () => {
    const server = await postgres();
    const url = await server.database();
    await (await open(url)).close();
    const before = await server.dump(url);
    const other = new SecretBox(randomBytes(32), "documents");
    await expect(open(url, other)).rejects.toThrow(/another secret key.*REALMGATE_SECRET_KEY/);
    expect(await server.dump(url)).toBe(before);
    await (await open(url)).close();
  });

  test("when a newer version has written it", async () => {
    const server = await postgres();
    const url = await server.database();
    await (await open(url)).close();
    await server.query(
      url,
      "insert into realmgate.migrations (hash, created_at) values ('', 9e15)",
    );
    const before = await server.dump(url);
    await expect(open(url)).rejects.toThrow(/newer version of this program/);
    expect(await server.dump(url)).toBe(before);
  });
});
