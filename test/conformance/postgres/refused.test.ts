// Databases that are not opened: each with what to do about it, and nothing is written.
import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Connections } from "../../../src/admin/store/postgres/connections.ts";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import {
  lookAtDatabase,
  SCHEMA_VERSION,
} from "../../../src/admin/store/postgres/prepare-database.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { StoreUnavailable } from "../../../src/admin/store/store-errors.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { postgres, stopPostgres } from "../../harness/postgres-store.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const box = new SecretBox(randomBytes(32), "documents");
/** The store, closed at the end of its block. */
async function opened(url: string): Promise<Store & AsyncDisposable> {
  const store = await open(url);
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}

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

  /** A database as a program with one more migration leaves it. */
  async function newerDatabase(minVersion: number): Promise<string> {
    const server = await postgres();
    const url = await server.database();
    await (await open(url)).close();
    await server.query(
      url,
      "insert into realmgate.migrations (hash, created_at) values ('', 9e15)",
    );
    await server.query(url, "update realmgate.revisions set min_version = $1", [minVersion]);
    return url;
  }

  test("when a newer version has written it that older ones cannot follow", async () => {
    const server = await postgres();
    const url = await newerDatabase(SCHEMA_VERSION + 1);
    const before = await server.dump(url);
    await expect(open(url)).rejects.toThrow(/newer version of this program/);
    expect(await server.dump(url)).toBe(before);
  });

  test("not when a newer version has written it that this one can follow", async () => {
    const url = await newerDatabase(SCHEMA_VERSION);
    await using store = await opened(url);
    expect(await store.createFirstUser({ username: "admin", passwordHash: "" })).toBeTrue();
  });

  test("nor are its writes taken any more once a newer version says so", async () => {
    const server = await postgres();
    const url = await newerDatabase(SCHEMA_VERSION);
    await using store = await opened(url);
    await server.query(url, "update realmgate.revisions set min_version = $1", [
      SCHEMA_VERSION + 1,
    ]);
    await expect(store.registerServer("local")).rejects.toThrow(StoreUnavailable);
    expect(await store.servers()).toEqual([]);
  });

  test("when it is new although there must have been another", async () => {
    const server = await postgres();
    const url = await server.database();
    const before = await server.dump(url);
    const notNew = "it is empty";
    const refused = openPostgresStore({ url, box, now: Date.now, notNew });
    await expect(refused).rejects.toThrow(/^it is empty$/);
    expect(await server.dump(url)).toBe(before);
    await (await open(url)).close();
    await (await openPostgresStore({ url, box, now: Date.now, notNew })).close();
  });

  test("when its text is not UTF-8", async () => {
    const server = await postgres();
    await server.query(
      server.url("postgres"),
      "create database latin template template0 encoding 'LATIN1' locale 'C'",
    );
    await expect(open(server.url("latin"))).rejects.toThrow(/encoding is LATIN1: create it anew/);
  });

  test("when its user may not make tables, in one line", async () => {
    const server = await postgres();
    const url = await server.database();
    await server.query(server.url("postgres"), "create role poor login");
    const refused = open(url.replace("realmgate@", "poor@"));
    await expect(refused).rejects.toThrow(/^permission denied .*: let its user make tables/);
    await expect(refused).rejects.not.toThrow(/\n/);
  });

  test("by a look as well, which writes nothing", async () => {
    const server = await postgres();
    const look = async (url: string, key = box, notNew: string | null = null) => {
      const connections = new Connections({ url, timeoutMs: 2_000 });
      const { problem, isOlder } = await lookAtDatabase(connections, { box: key, notNew });
      await connections.close();
      return isOlder ? "older" : problem;
    };
    expect(await look("postgres://gate:hunter2@127.0.0.1:1/gate")).toStartWith(
      "no PostgreSQL server answers",
    );
    expect(await look(server.url("nowhere"))).toContain("does not exist: create it");
    const url = await server.database();
    const before = await server.dump(url);
    await server.query(server.url("postgres"), "create role lowly login");
    expect(await look(url.replace("realmgate@", "lowly@"))).toContain("lowly may not make tables");
    expect(await look(url, box, "it is empty")).toBe("it is empty");
    expect(await look(url)).toBeNull();
    expect(await server.dump(url)).toBe(before);

    await (await open(url)).close();
    await server.query(url, "delete from realmgate.secret_key");
    const made = await server.dump(url);
    expect(await look(url)).toBeNull();
    expect(await server.dump(url)).toBe(made);
    await (await open(url)).close();
    const other = new SecretBox(randomBytes(32), "documents");
    expect(await look(url, other)).toContain("REALMGATE_SECRET_KEY");
    const newest = "(select max(created_at) from realmgate.migrations)";
    await server.query(url, `delete from realmgate.migrations where created_at = ${newest}`);
    expect(await look(url)).toBe("older");
    expect(await look(await newerDatabase(SCHEMA_VERSION + 1))).toContain("newer version");
  });

  test("not when who made its tables died before it kept its key", async () => {
    const server = await postgres();
    const url = await server.database();
    await (await open(url)).close();
    await server.query(url, "delete from realmgate.secret_key");
    await (await open(url)).close();
    const other = new SecretBox(randomBytes(32), "documents");
    await expect(open(url, other)).rejects.toThrow(/another secret key/);
  });
});
