import { beforeEach, describe, expect, test } from "bun:test";
import { createApi } from "./create-api.ts";
import type { PermissionDocument } from "./gen/api.ts";
import type { Answer } from "./http.ts";
import { HttpClient } from "./http.ts";

interface Sent {
  readonly line: string;
  readonly ifMatch: string | null;
  readonly body: unknown;
}

const id = "a".repeat(24);
let sent: Sent[] = [];
let version = 0;
/** Writes of somebody else that come right before each of ours. */
let rivals = 0;

beforeEach(() => {
  sent = [];
  version = 3;
  rivals = 0;
});

const http = new HttpClient({
  baseUrl: "https://api.example.com",
  fetch: async (to, init) => {
    const { pathname } = new URL(to);
    const ifMatch = new Headers(init.headers).get("if-match");
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    sent.push({ line: `${init.method} ${pathname.replace("/api/v1/", "")}`, ifMatch, body });
    if (init.method !== "GET") {
      if (rivals > 0) {
        rivals--;
        version++;
      }
      if (ifMatch !== `file:v${version}`) {
        const refusal = { statusCode: 412, message: "etag_mismatch", code: "PRECONDITION_FAILED" };
        return Response.json(refusal, { status: 412 });
      }
      version++;
    }
    const data = { groups: {}, permissions: {}, default: "deny", schema_version: 2 };
    const etag = `file:v${version}`;
    return Response.json(
      { statusCode: 200, message: "", data: { ...data, file_version: version, etag } },
      { headers: { etag: `"${etag}"` } },
    );
  },
});
const { proxyPermissionsProject, proxyPermissionsContainer, proxySettings, proxyHooks } =
  createApi(http);
const lines = () => sent.map(({ line, ifMatch }) => `${line} ${ifMatch ?? ""}`.trim());

describe("the version of a write", () => {
  test("is fetched when none is given", async () => {
    await proxyPermissionsProject.replace(id, { default: "deny" });
    expect(lines()).toEqual([
      `GET projects/${id}/proxy/permissions`,
      `PATCH projects/${id}/proxy/permissions file:v3`,
    ]);
  });

  test("is fetched without credentials on the wire for a container", async () => {
    await proxyPermissionsContainer.updateDefault(id, { default: "deny" });
    await proxyHooks.delete(id, "http", "h");
    await proxySettings.update(id, { enable_proxy: false });
    expect(lines().filter((line) => line.startsWith("GET"))).toEqual(
      Array(3).fill(`GET containers/${id}/proxy/settings`),
    );
  });

  test("is the given one, and then nothing is fetched or tried again", async () => {
    const stale = proxyPermissionsProject.updateDefault(
      id,
      { default: "deny" },
      { ifMatch: "file:v2" },
    );
    await expect(stale).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(lines()).toEqual([`PATCH projects/${id}/proxy/permissions/default file:v2`]);
  });

  describe("is the one that was read, for a body that is", () => {
    const cases: [string, (config: Answer<PermissionDocument>) => object][] = [
      ["an answer", (config) => config],
      ["an answer spread out", (config) => ({ ...config })],
      ["its data", (config) => config.data],
      ["its data with something else", (config) => ({ ...config.data, default: "deny" })],
      ["the version as a number", () => ({ default: "deny", file_version: 3 })],
    ];
    test.each(cases)("%s", async (_what, body) => {
      const config = await proxyPermissionsProject.get(id);
      await proxyPermissionsProject.replace(id, body(config));
      expect(lines()).toEqual([
        `GET projects/${id}/proxy/permissions`,
        `PATCH projects/${id}/proxy/permissions file:v3`,
      ]);
    });

    test("and somebody else's write in between is not lost", async () => {
      const config = await proxyPermissionsProject.get(id);
      version++;
      const replaced = proxyPermissionsProject.replace(id, { ...config });
      await expect(replaced).rejects.toMatchObject({ statusCode: 412 });
    });

    test('unless the caller wants the last writer to win: ifMatch "latest"', async () => {
      const config = await proxyPermissionsProject.get(id);
      version++;
      await proxyPermissionsProject.replace(id, { ...config }, { ifMatch: "latest" });
      expect(sent.at(-1)?.ifMatch).toBe("file:v4");
    });
  });
});

describe("a write that came too late", () => {
  test("is made again into what became of the document, when it is about a part of it", async () => {
    rivals = 2;
    await proxyPermissionsProject.setIpGroup(id, "office", { range: "10.0.0.0/8" });
    expect(sent.filter(({ ifMatch }) => ifMatch !== null).map(({ ifMatch }) => ifMatch)).toEqual([
      "file:v3",
      "file:v4",
      "file:v5",
    ]);
  });

  test("is given up after five times", async () => {
    rivals = 99;
    const lost = proxyPermissionsProject.removeAuthGroup(id, "office");
    await expect(lost).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(sent.filter(({ ifMatch }) => ifMatch !== null)).toHaveLength(5);
  });

  test.each([
    ["replace", () => proxyPermissionsContainer.replace(id, { default: "deny" })],
    ["delete", () => proxyPermissionsContainer.delete(id)],
  ])("is not made again when it is about the whole document: %s", async (_name, write) => {
    rivals = 1;
    await expect(write()).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(sent).toHaveLength(2);
  });
});

describe("a body made of an answer", () => {
  test("is the document alone", async () => {
    await proxyPermissionsProject.replace(id, await proxyPermissionsProject.get(id));
    expect(sent.at(-1)?.body).toEqual({ groups: {}, permissions: {}, default: "deny" });
  });

  test("keeps what was spelled beside it: nothing is silently dropped", async () => {
    const config = await proxyPermissionsProject.get(id);
    await proxyPermissionsProject.replace(id, { ...config, default: "allow", combine: "all" });
    expect(sent.at(-1)?.body).toEqual({
      groups: {},
      permissions: {},
      default: "allow",
      combine: "all",
    });
  });
});

describe("an iterator over pages", () => {
  const asked: string[] = [];
  /** Page after page of two entries. `pagesMax`: the pages after it are empty, whatever was announced. */
  const paged = (totalPages: number, pagesMax = totalPages) =>
    createApi(
      new HttpClient({
        baseUrl: "https://api.example.com",
        fetch: async (to) => {
          const { pathname, searchParams } = new URL(to);
          const page = Number(searchParams.get("cursor") || searchParams.get("page") || 1);
          asked.push(searchParams.toString());
          const items = page > pagesMax ? [] : [{ id: `${page}a` }, { id: `${page}b` }];
          const next = page < totalPages ? { next_cursor: String(page + 1) } : {};
          const envelope = { statusCode: 200, message: "" };
          if (pathname.endsWith("/tokens")) {
            return Response.json({ ...envelope, data: items, truncated: true, ...next });
          }
          const data = pathname.endsWith("/aliases")
            ? { aliases: items, count: 0, ...next }
            : { projects: items, pagination: { total: 0, page, limit: 2, totalPages, ...next } };
          return Response.json({ ...envelope, data });
        },
      }),
    );
  beforeEach(() => {
    asked.length = 0;
  });

  test("walks through all of them, as many entries at a time as there may be", async () => {
    const seen: string[] = [];
    for await (const { id } of paged(3).projects.iterate({ sort_by: "id" })) seen.push(id);
    expect(seen).toEqual(["1a", "1b", "2a", "2b", "3a", "3b"]);
    expect(asked).toEqual([
      "limit=100&sort_by=id&cursor=",
      "limit=100&sort_by=id&cursor=2",
      "limit=100&sort_by=id&cursor=3",
    ]);
  });

  test("walks through lists that have no pages, wherever they name what follows", async () => {
    const ids = ["1a", "1b", "2a", "2b"];
    const { proxyAliases, authTokens } = paged(2);
    expect(await Array.fromAsync(proxyAliases.iterate({ enabled: true }), ({ id }) => id)).toEqual(
      ids,
    );
    expect(asked.at(-1)).toBe("limit=100&enabled=true&cursor=2");
    expect(await Array.fromAsync(authTokens.iterate(), ({ id }) => id)).toEqual(ids);
  });

  test("fetches no page that nobody looks at", async () => {
    for await (const _ of paged(3).projects.iterate({ limit: 2 })) break;
    expect(asked).toEqual(["limit=2&cursor="]);
  });

  test("ends with a page that has nothing, whatever was announced", async () => {
    const seen = await Array.fromAsync(paged(1_000_000, 1).projects.iterate(), ({ id }) => id);
    expect([seen, asked.length]).toEqual([["1a", "1b"], 2]);
  });

  test("goes on over pages of the log that have nothing, and ends where it stays", async () => {
    const answers = [
      { entries: [], cursor: "30" },
      { entries: [{ id: 29 }], cursor: "20" },
      { entries: [], cursor: "10" },
      { entries: [{ id: 5 }], cursor: "10" },
    ];
    const { proxyLogs } = createApi(
      new HttpClient({
        baseUrl: "https://api.example.com",
        fetch: async (to) => {
          asked.push(new URL(to).searchParams.get("cursor") ?? "");
          return Response.json({ statusCode: 200, message: "", data: answers.shift() });
        },
      }),
    );
    const seen = await Array.fromAsync(proxyLogs.iterate("c", { level: "error" }), ({ id }) => id);
    expect([seen, asked]).toEqual([
      [29, 5],
      ["", "30", "20", "10"],
    ]);
  });

  test("begins where it is told, and ends when there is nothing", async () => {
    const seen = await Array.fromAsync(paged(2).projects.iterate({ page: 2 }), ({ id }) => id);
    expect(seen).toEqual(["2a", "2b"]);
    await Array.fromAsync(paged(0).projects.iterate());
    expect(asked).toHaveLength(2);
    const rest = await Array.fromAsync(paged(2).projects.iterate({ cursor: "2" }), ({ id }) => id);
    expect(rest).toEqual(seen);
  });
});
