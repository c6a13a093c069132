// Short hosts through the running proxy.
import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type AliasState, AliasStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PARENT, type Placement } from "../harness/change-registry.ts";
import { onEdge } from "../harness/on-edge.ts";
import { code, echoed, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const { ask, place, raw, upstream } = await testBench();

type Init = Partial<Omit<AliasState, "$typeName" | "$unknown">>;
let made = 0;

/** A container with one alias, and how to change both. */
async function aliased(init: Init = {}, placement: Placement = {}) {
  const placed = await place();
  const alias = `short${++made}`;
  const change = (next: Init, also: Placement = placement) => {
    const base = { alias, program: "terminal", instance: 1, enabled: true };
    const state = create(AliasStateSchema, { ...base, ...next });
    return placed.change({ ...also, state: { aliases: [state] } });
  };
  await change(init);
  const host = `${alias}.${PARENT}`;
  return { placed, alias, host, change, get: (path = "/") => ask(host, { path }) };
}

const NOWHERE = [404, "unknown_host"] as [number, string];

describe("an alias", () => {
  test("leads to its program, in any letter case, with a dot and a port", async () => {
    const { host, get } = await aliased({ allowPathOverride: true });
    expect((await echoed(await get("/a?b=1"))).target).toBe("/a?b=1");
    for (const spelled of [host.toUpperCase(), `${host}.`, `${host}:443`]) {
      const echo = await echoed(await ask(spelled, { path: "/a" }));
      expect(echo.headers["x-realmgate-program"]).toBe("terminal");
    }
  });

  test("that is switched off, unknown or deleted leads nowhere, and to nobody", async () => {
    const { get, change, placed } = await aliased();
    expect((await get()).status).toBe(200);
    await change({ enabled: false });
    expect(await code(await get())).toEqual(NOWHERE);
    await change({});
    expect((await get()).status).toBe(200);
    await placed.change({});
    expect(await code(await get())).toEqual(NOWHERE);
    expect(await code(await ask(`nobody.${PARENT}`))).toEqual(NOWHERE);
  });

  test("leads nowhere from its end on, without anything being written", async () => {
    const { get, change } = await aliased({ expiresAtMs: Date.now() + 150 });
    expect((await get()).status).toBe(200);
    const answer = await until(async () => {
      const now = await get();
      return now.status !== 200 && now;
    }, "the alias ends");
    expect(await code(answer)).toEqual(NOWHERE);
    await change({ expiresAtMs: Date.now() + 60_000 });
    expect((await get()).status).toBe(200);
    await change({ expiresAtMs: Date.now() - 1 });
    expect(await code(await get())).toEqual(NOWHERE);
  });

  test("is judged as the program it leads to", async () => {
    const { get } = await aliased({}, { own: { default: "deny" } });
    expect(await code(await get())).toEqual([403, "denied"]);
    const stopped = await aliased();
    const base = { alias: stopped.alias, program: "terminal", instance: 1, enabled: true };
    const aliases = [create(AliasStateSchema, base)];
    await stopped.placed.change({ state: { running: false, aliases } });
    expect(await code(await stopped.get())).toEqual([503, "no_container"]);
    await stopped.placed.change({ projectDisabled: true, state: { aliases } });
    expect(await code(await stopped.get())).toEqual([503, "disabled"]);
  });

  test("has no names below it", async () => {
    const { host } = await aliased();
    expect(await code(await ask(`x.${host}`))).toEqual(NOWHERE);
  });
});

describe("an alias with a target", () => {
  const target = { targetPath: "/base?lang=eo", allowPathOverride: true };

  test.each([
    ["/", "/base?lang=eo"],
    ["/?q=1", "/base?lang=eo&q=1"],
    ["/a/b?q=1", "/base/a/b?lang=eo&q=1"],
    ["/base", "/base/base?lang=eo"],
  ])("leads from %s to %s", async (path, expected) => {
    const { host } = await aliased(target);
    expect(await led(host, path)).toBe(expected);
  });

  // The runtime resolves dot segments; the wire edge passes paths on as they came, so such a one leads nowhere.
  test.each([
    ["/a/../b", "/base/b?lang=eo"],
    ["/a/%2e%2e/b", "/base/b?lang=eo"],
    ["/../x", "/base/x?lang=eo"],
    ["/%2e%2e/x", "/base/x?lang=eo"],
    ["/.%2E/.%2e/x", "/base/x?lang=eo"],
    ["/a\\..\\..\\x", "/base/x?lang=eo"],
  ])("never leads beside it by %s", async (path, resolved) => {
    const { host } = await aliased(target);
    expect(await led(host, path)).toBe(onEdge<string | number>({ serve: resolved, wire: 404 }));
  });

  /** The target that the program saw; or the status of the refusal. */
  async function led(host: string, path: string): Promise<string | number> {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const json = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
    return json.target ?? json.statusCode;
  }

  test.each(["/..%2fx", "/%2e%2e%2fx", "/a/..%5c..%5cx", "/..;/x", "/%252e%252e/x"])(
    "does not lead beside it by %s",
    async (path) => {
      const { host } = await aliased(target);
      const answer = await raw(
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 404");
    },
  );

  test("alone leads there and nowhere else, with any query", async () => {
    const { get } = await aliased({ targetPath: "/base", allowPathOverride: false });
    for (const [path, expected] of [
      ["/", "/base"],
      ["/base", "/base"],
      ["/base?q=1", "/base?q=1"],
      ["/?q=1", "/base?q=1"],
      ["/x/../base", "/base"],
    ] as const) {
      expect((await echoed(await get(path))).target).toBe(expected);
    }
    for (const path of ["/base/", "/base/x", "/x", "/bas%65", "/base%2f", "/..%2fbase"]) {
      expect(await code(await get(path))).toEqual(NOWHERE);
    }
  });
});

describe("an alias alone whose target has a query", () => {
  test("B3 takes none of the client's", async () => {
    const { get } = await aliased({ targetPath: "/base?tenant=7", allowPathOverride: false });
    expect((await echoed(await get("/"))).target).toBe("/base?tenant=7");
    for (const path of ["/?tenant=8", "/base?tenant=8", "/base?x", "/%3ftenant=8", "/base;x=1"]) {
      expect(await code(await get(path))).toEqual(NOWHERE);
    }
  });

  test("takes a credential in the query, which its program never sees", async () => {
    const own = {
      groups: { staff: { type: "token", value: "s", param: "key" } },
      permissions: { staff: { terminal: true } },
    };
    const { get, change } = await aliased();
    await change({ targetPath: "/base?tenant=7", allowPathOverride: false }, { own });
    expect((await echoed(await get("/?key=s"))).target).toBe("/base?tenant=7");
    expect(await code(await get("/?key=s&tenant=8"))).toEqual(NOWHERE);
    expect((await get("/")).status).toBe(401);
  });
});

describe("the scripts of exec", () => {
  test("are reached at a directory of their own, which the program sees in Host", async () => {
    const placed = await place();
    await placed.change({ programs: { exec: upstream.port ?? 0 } });
    const host = `blog.${placed.host("exec-1")}`;
    const echo = await echoed(await ask(host, { path: "/s.ts" }));
    expect([echo.headers.host, echo.headers["x-realmgate-program"]]).toEqual([host, "exec"]);
  });

  test("are judged as their instance, whatever the directory", async () => {
    const own = {
      groups: { any: { type: "ip", range: "0.0.0.0/0" } },
      permissions: { any: { exec: 1 } },
      default: "deny",
    };
    const placed = await place({ own, programs: { exec: upstream.port ?? 0 } });
    expect((await ask(`a.${placed.host("exec-1")}`)).status).toBe(200);
    expect((await ask(`a.${placed.host("exec-2")}`)).status).toBe(403);
    expect(await code(await ask(`a.${placed.host("terminal-1")}`))).toEqual(NOWHERE);
    expect(await code(await ask(`a.${placed.host("exec-main")}`))).toEqual(NOWHERE);
  });
});
