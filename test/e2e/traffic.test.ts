// Who accessed a container, and who is connected to it: from a request through the gate to what its owner reads.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SignJWT } from "jose";
import { type Api, loginAdmin, makePlace, type Place, through } from "../harness/client.ts";
import { commandLine } from "../harness/command-line.ts";
import {
  adminPassword,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
} from "../harness/program.ts";
import { until } from "../harness/until.ts";

const SECRET = "a secret of thirty-two characters";

let program: Program;
let upstream: Upstream;
let api: Api;
let place: Place;

beforeAll(async () => {
  upstream = await startUpstream();
  program = await startProgram();
  api = await loginAdmin(program.urls);
  place = await makePlace(api, program.urls, upstream.port);
  await place.container.replace(document);
});

const document = {
  groups: {
    users: { type: "jwt", secret: SECRET, sources: ["header:Authorization"] },
    ops: { type: "password", username: "olga", password: "pw-of-olga", salt: "s" },
    robots: { type: "token", value: "token-of-robots", header: "X-Api-Token" },
  },
  permissions: {
    users: { terminal: true },
    ops: { terminal: true, logs: true },
    robots: { terminal: true },
  },
  default: "deny",
};

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const logs = (query = "") =>
  api.data("GET", `/containers/${place.containerId}/proxy/logs?${query}`);
const terminal = (path: string, headers: Record<string, string> = {}) =>
  through(program.urls, place.host("terminal-1"), { path, headers });
const ofOlga = { authorization: `Basic ${btoa("olga:pw-of-olga")}` };

describe("the log of a container", () => {
  test("the id on a 401 leads to its row, its reason, and the sentence of explain", async () => {
    const refused = await terminal("/secret-door?token=sesame", {
      "x-api-token": "wrong-one",
      accept: "text/html",
    });
    expect(refused.status).toBe(401);
    const requestId = /[0-9a-f]{24}/.exec(await refused.text())?.[0];
    expect(requestId).toBe(refused.headers.get("x-realmgate-request-id") ?? "");
    const { entries, cursor } = await logs(`request_id=${requestId}`);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      request_id: requestId,
      traceId: requestId,
      kind: "response",
      level: "warn",
      containerId: place.containerId,
      serviceName: "terminal-1",
      method: "GET",
      url: "/secret-door",
      clientIp: "127.0.0.1",
      status: 401,
      source: "edge",
      reason: "unauthenticated",
      groups: [],
      subject: null,
      data: { program: "terminal", instance: 1, bytes: null, ended: "complete" },
    });
    expect(cursor).toBeNull();
    const explained = await api.data("POST", `/containers/${place.containerId}/proxy/explain`, {
      body: { request_id: requestId },
    });
    expect(explained).toMatchObject({ allow: false, reason: "unauthenticated", status: 401 });
    expect(explained.summary).toContain("groups looked at");
    expect(explained.warnings.join("\n")).toContain("the request was unauthenticated");
  });

  test("who was let in is named: sub of a JWT, user of a password, no one for a static token", async () => {
    const jwt = await new SignJWT({ sub: "bob@example.com" })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(SECRET));
    expect((await terminal("/as-bob", { authorization: `Bearer ${jwt}` })).status).toBe(200);
    expect((await terminal("/as-olga", ofOlga)).status).toBe(200);
    expect((await terminal("/as-robot", { "x-api-token": "token-of-robots" })).status).toBe(200);
    const { entries } = await logs("status=2xx&limit=3");
    const told = entries.map(({ url, subject, groups, source }: Record<string, unknown>) => [
      url,
      subject,
      groups,
      source,
    ]);
    expect(told).toEqual([
      ["/as-robot", null, ["robots"], "backend"],
      ["/as-olga", "olga", ["ops"], "backend"],
      ["/as-bob", "bob@example.com", ["users"], "backend"],
    ]);
    expect((await logs("group=users")).entries).toHaveLength(1);
    expect((await logs("client_ip=203.0.113.9")).entries).toEqual([]);
    expect((await logs("until=2020-01-01T00:00:00Z")).entries).toEqual([]);
    const path = `/containers/${place.containerId}/proxy/logs?since=2026-02-31`;
    expect((await api.call("GET", path)).status).toBe(400);
  });

  test("who was recognized and refused nevertheless is named, too", async () => {
    const refused = await through(program.urls, place.host("http-3000"), {
      ...{ path: "/not-hers", headers: ofOlga },
    });
    expect(refused.status).toBe(403);
    expect((await logs("reason=not_granted")).entries).toMatchObject([
      { url: "/not-hers", status: 403, subject: "olga", groups: [], source: "edge" },
    ]);
  });

  test("read by cursor, or followed by id, no entry is left out or told twice", async () => {
    const all = (await logs("limit=200")).entries.map(({ id }: { id: number }) => id);
    const byCursor: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: { entries: { id: number }[]; cursor: string | null } = await logs(
        `limit=1&cursor=${cursor}`,
      );
      byCursor.push(...page.entries.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(byCursor).toEqual(all);
    const followed = await logs("after_id=0&limit=200");
    expect(followed.entries.map(({ id }: { id: number }) => id)).toEqual(all.toReversed());
  });

  test("no credential is in it: neither in what is read nor in the file", async () => {
    await terminal("/x?api_key=in-the-query", { cookie: "sid=in-a-cookie" });
    const read = JSON.stringify(await logs("limit=200"));
    await until(
      async () => (await logs("status=401")).entries.length >= 2,
      "both refusals are logged",
    );
    const file = ["", "-wal"]
      .map((end) => readFileSync(join(program.dataDir, `exchanges.sqlite${end}`), "latin1"))
      .join();
    for (const secret of [
      "sesame",
      "in-the-query",
      "in-a-cookie",
      "pw-of-olga",
      "token-of-robots",
    ]) {
      expect([secret, read.includes(secret), file.includes(secret)]).toEqual([
        secret,
        false,
        false,
      ]);
    }
  });

  test("a request for a container that is not there is in no one's log", async () => {
    const unknown = place.host("terminal-1").replace(place.containerId, "f".repeat(24));
    expect((await through(program.urls, unknown)).status).toBe(503);
    expect((await logs("reason=no_container")).entries).toEqual([]);
  });
});

describe("the logs program", () => {
  const read = (path: string, headers: Record<string, string> = ofOlga) =>
    through(program.urls, place.host("logs-1"), { path, headers });

  test("answers as documented, without an envelope", async () => {
    await terminal("/seen-by-logs", ofOlga);
    const listed = await read("/_logs?limit=2&level=info");
    expect([listed.status, listed.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const body = await listed.json();
    expect(body).toMatchObject({ limit: 2, offset: 0 });
    expect(body.total).toBeGreaterThan(2);
    expect(body.entries[0]).toMatchObject({ url: "/seen-by-logs", status: 200, subject: "olga" });
    const last = await (await read("/_logs?last=2")).json();
    expect(last.map(({ url }: { url: string }) => url)).toEqual(["/seen-by-logs", "/_logs"]);
    const more = await (await read(`/_logs?afterId=${last[0].id}`)).json();
    expect(more[0]).toMatchObject({ url: "/_logs" });
    expect(await (await read("/_logs/stats")).json()).toMatchObject({
      byContainer: { [place.containerId]: expect.any(Number) },
      byLevel: { info: expect.any(Number), warn: expect.any(Number) },
    });
  });

  test("is closed to a group that does not name it, and where everyone is let in", async () => {
    expect((await read("/_logs", { "x-api-token": "token-of-robots" })).status).toBe(403);
    const open = await makePlace(api, program.urls, upstream.port);
    expect((await through(program.urls, open.host("terminal-1"))).status).toBe(200);
    expect((await through(program.urls, open.host("logs-1"), { path: "/_logs" })).status).toBe(503);
  });

  test("has nothing else, and takes only GET", async () => {
    expect((await read("/_logs/other")).status).toBe(404);
    expect(
      (
        await through(program.urls, place.host("logs-1"), {
          path: "/_logs",
          method: "DELETE",
          headers: ofOlga,
        })
      ).status,
    ).toBe(405);
  });

  test("streams what comes, and ends when its group loses the program", async () => {
    const response = await read("/_logs/stream?kind=response");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = (response.body ?? new ReadableStream()).getReader();
    let text = "";
    const readUntil = async (wanted: string) => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`ended before ${wanted}`);
        text += new TextDecoder().decode(value);
      }
    };
    await readUntil("\n\n");
    expect(text.startsWith("data: [")).toBe(true);
    await terminal("/while-streaming", ofOlga);
    await readUntil("/while-streaming");
    expect(text).toMatch(/\nid: \d+\ndata: \{/);
    await place.container.replace({ ...document, permissions: { ops: { terminal: true } } });
    expect(await endOf(reader)).toBe("cut off");
    await place.container.replace(document);
  });
});

describe("connections that are open", () => {
  const path = () => `/containers/${place.containerId}/proxy/connections`;
  const opened = async () => {
    const stream = await through(program.urls, place.host("logs-1"), {
      path: "/_logs/stream?secret=in-the-query",
      headers: ofOlga,
    });
    const reader = (stream.body ?? new ReadableStream()).getReader();
    await reader.read();
    return { id: stream.headers.get("x-realmgate-request-id") ?? "", reader };
  };

  test("are listed with who opened them, and ended one by one", async () => {
    const { id, reader } = await opened();
    const { connections, total } = await api.data("GET", path());
    expect(total).toBe(1);
    expect(connections[0]).toMatchObject({
      id,
      client_ip: "127.0.0.1",
      program: "logs",
      instance: 1,
      path: "/_logs/stream",
      status: 200,
      reason: "granted",
      groups: ["ops"],
      subject: "olga",
    });
    expect(await api.data("DELETE", `${path()}/${id}`)).toEqual({ ended: 1 });
    expect(await endOf(reader)).toBe("cut off");
    const again = await api.call("DELETE", `${path()}/${id}`);
    expect([again.status, again.body.code]).toEqual([404, "CONNECTION_NOT_FOUND"]);
    const { entries } = await logs(`request_id=${id}`);
    expect(entries[0]).toMatchObject({ reason: "granted", data: { ended: "revoked" } });
  });

  test("are ended all at once where one group let them in; those of other groups and containers stay", async () => {
    const [one, two] = [await opened(), await opened()];
    const query = `kind=container.connections_ended&resource_id=${place.containerId}`;
    const told = async () => (await api.data("GET", `/events?${query}`)).pagination.total;
    const before = await told();
    expect(await api.data("DELETE", `${path()}?group=robots`)).toEqual({ ended: 0 });
    // Nothing was there, and nothing is told.
    expect(await told()).toBe(before);
    const other = await makePlace(api, program.urls, upstream.port);
    const elsewhere = `/containers/${other.containerId}/proxy/connections`;
    expect((await api.call("DELETE", `${elsewhere}/${one.id}`)).status).toBe(404);
    expect(await api.data("DELETE", `${elsewhere}?group=ops`)).toEqual({ ended: 0 });
    expect((await api.data("GET", `${path()}?group=ops`)).total).toBe(2);
    expect(await api.data("DELETE", `${path()}?group=ops`)).toEqual({ ended: 2 });
    expect(await told()).toBe(before + 1);
    expect([await endOf(one.reader), await endOf(two.reader)]).toEqual(["cut off", "cut off"]);
    expect((await api.data("GET", path())).connections).toEqual([]);
  });
});

describe("the command line", () => {
  test("shows who was there, why one was refused, and who is there; and ends that", async () => {
    const refused = await terminal("/by-command");
    const requestId = refused.headers.get("x-realmgate-request-id") ?? "";
    using line = commandLine({
      REALMGATE_BASE_URL: program.urls.rest,
      REALMGATE_USERNAME: "admin",
      REALMGATE_PASSWORD: adminPassword,
      REALMGATE_CONTAINER: place.containerId,
    });
    const listed = await line.shell("realmgate proxy logs list --status 401 --limit 1");
    expect([listed.exit, listed.err]).toEqual([0, ""]);
    expect(listed.out).toContain("/by-command");
    expect(listed.out).toContain(requestId);
    const quiet = await line.shell("realmgate proxy logs list --limit 1 -q");
    expect(quiet.out.trim()).toBe(requestId);
    const explained = await line.shell(`realmgate explain --request ${requestId}`);
    expect(explained.out).toContain("401: 3 groups looked at");
    expect(explained.out).toContain("the request was unauthenticated");
    expect((await line.shell("realmgate proxy logs stats -o json")).out).toContain("by_reason");
    const stream = await through(program.urls, place.host("logs-1"), {
      path: "/_logs/stream",
      headers: ofOlga,
    });
    const reader = (stream.body ?? new ReadableStream()).getReader();
    await reader.read();
    expect((await line.shell("realmgate connections list")).out).toContain("olga");
    const which = await line.shell("realmgate connections end");
    expect([which.exit, which.err]).toEqual([2, expect.stringContaining("--group NAME")]);
    const ended = await line.shell("realmgate connections end --group ops --yes -o json");
    expect(JSON.parse(ended.out)).toEqual({ ended: 1 });
    expect(await endOf(reader)).toBe("cut off");
  });
});

async function endOf(reader: { read(): Promise<{ done: boolean }> }): Promise<string> {
  try {
    while (!(await reader.read()).done);
    return "complete";
  } catch {
    return "cut off";
  }
}
