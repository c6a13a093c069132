// An installation in several processes, as its operators and clients see it: what must hold when parts of it go away.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "../harness/client.ts";
import { Cluster, type Member } from "../harness/cluster.ts";
import {
  type ClusterPlace,
  ClusterPlaces,
  closed,
  open,
  permissionsPath,
  statusAt,
} from "../harness/cluster-places.ts";
import { postgresBinaries, sayWithoutPostgres } from "../harness/postgres-server.ts";
import { memoryHolds } from "../harness/process-memory.ts";
import { startUpstream, type Upstream } from "../harness/program.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const startMsMax = 120_000;
describe.skipIf(postgresBinaries === null)("a cluster", () => {
  let cluster: Cluster;
  let upstream: Upstream;
  let places: ClusterPlaces;
  /** Answers `/open` with a beginning alone. */
  const endless = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) =>
      new URL(request.url).pathname === "/open"
        ? new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) }))
        : new Response("ok"),
  });

  beforeAll(async () => {
    [cluster, upstream] = await Promise.all([Cluster.start(), startUpstream()]);
    places = await ClusterPlaces.of(cluster, upstream.port);
  }, startMsMax);

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
    await endless.stop(true);
  }, startMsMax);

  test("serves each container at the proxies of its server, and at no others", async () => {
    for (const server of ["local", "west"]) {
      const at = await places.make(server);
      const answer = await places.write(at, open);
      expect((await places.wait(answer)).body.data).toEqual({
        ...{ complete: true, enforced: 3, of: 3, lagging: [] },
      });
      for (const proxy of cluster.proxies) {
        const isHome = proxy.said.server === server;
        expect((await statusAt(proxy, at)) === 200).toBe(isHome);
      }
      await places.wait(await places.write(at, closed));
      for (const proxy of places.proxiesOf(server)) expect(await statusAt(proxy, at)).toBe(403);
    }
  });

  test("tells how its servers and nodes are", async () => {
    await places.wait(await places.write(await places.make("local"), open));
    const listed = await until(async () => {
      const { servers: all } = await places.api.data("GET", "/servers");
      return all.every((each: { status: string }) => each.status === "online") && all;
    }, "all servers are online");
    expect(listed).toMatchObject([
      { name: "local", processes: 2, enforcing: 2 },
      { name: "west", processes: 1, enforcing: 1 },
    ]);
    const { nodes } = await places.api.data("GET", "/nodes");
    expect(nodes.map((each: { name: string }) => each.name)).toEqual([
      "gateway-1",
      "proxy-local",
      "proxy-west",
    ]);
    const [proxy] = nodes[2].processes;
    expect(proxy).toMatchObject({ name: "proxy-2", status: "online", servers: ["west"] });
    expect(proxy.listeners.length).toBeGreaterThan(0);
  });

  test("a container on the gate's machine is no way to the listeners of its neighbours", async () => {
    const at = await places.make("local");
    await places.wait(await places.write(at, open));
    const [proxy, ...neighbours] = cluster.proxies;
    const others = [...cluster.controls, ...neighbours, cluster.gateway].flatMap((member) => {
      const { rest, ops, proxy: plain } = member?.said ?? {};
      return [rest, ops, plain].filter((url) => url !== undefined);
    });
    expect(others.length).toBeGreaterThan(8);
    for (const url of others) {
      for (const path of ["/metrics", "/healthz", "/api/v1/servers", "/docs"]) {
        const host = at.host.replace("terminal-1", `http-${new URL(url).port}`);
        const asked = await fetch(`${proxy?.said.proxy}${path}`, { headers: { host } });
        expect([400, 403, 503]).toContain(asked.status);
        expect(await asked.text()).not.toContain("realmgate_");
      }
    }
  });

  test("the audit trail has the client's address, which only a gateway can vouch for", async () => {
    const from = (rest: string, headers: Record<string, string>) =>
      fetch(`${rest}/api/v1/users/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ username: "admin", password: cluster.adminPassword }),
      });
    const token = cluster.tokens.get("local") ?? "";
    const forged = { "x-realmgate-client": "192.0.2.9", "x-realmgate-gateway": token };
    expect((await from(cluster.rest, forged)).status).toBe(200);
    const { events } = await places.api.data("GET", "/events?kind=auth.session.created&limit=1");
    expect(events[0].client_ip).toBe("127.0.0.1");
  });

  /** A container of a server whose program never ends an answer to `/open`. */
  async function busyPlace(server: string): Promise<ClusterPlace> {
    const at = await places.make(server);
    const programs = { terminal: { port: endless.port ?? 0 } };
    await places.api.data("PUT", `/containers/${at.container}/upstream`, {
      body: { address: "127.0.0.1", programs },
    });
    await places.wait(await places.write(at, open));
    return at;
  }

  const ask = (
    proxy: Member | undefined,
    { host }: ClusterPlace,
    path: string,
    signal?: AbortSignal,
  ) => fetch(`${proxy?.said.proxy}${path}`, { headers: { host }, signal: signal ?? null });

  /** The API at the gateway and at each control plane: whom a proxy follows makes no difference. */
  async function everywhere(): Promise<Api[]> {
    const rests = [cluster.rest, ...cluster.controls.map(({ said }) => said.rest ?? "")];
    return Promise.all(rests.map((rest) => places.asAdmin(rest)));
  }

  test("who accessed a container is told everywhere, by all proxies of its server together", async () => {
    const at = await busyPlace("local");
    const proxies = places.proxiesOf("local");
    for (let n = 0; n < 6; n++) await (await ask(proxies[n % 2], at, `/visit-${n}`)).text();
    const path = `/containers/${at.container}/proxy/logs`;
    for (const each of await everywhere()) {
      const { entries, cursor, missing } = await each.data("GET", path);
      expect({ cursor, missing }).toEqual({ cursor: null, missing: undefined });
      const urls = entries.map(({ url }: { url: string }) => url);
      expect(urls).toEqual(Array.from({ length: 6 }, (_, n) => `/visit-${5 - n}`));
      // Page by page each of them comes once.
      const walked: string[] = [];
      for (let next: string | null = ""; next !== null; ) {
        const query: string = next === "" ? "" : `&cursor=${next}`;
        const page = await each.data("GET", `${path}?limit=1${query}`);
        walked.push(...page.entries.map((entry: { url: string }) => entry.url));
        next = page.cursor;
      }
      expect(walked.toSorted()).toEqual(urls.toSorted());
      // Read forward, what is new comes once no proxy stores anything before it.
      const following = await until(async () => {
        const forward = await each.data("GET", `${path}?after_id=0&limit=200`);
        const { entries } = forward;
        return entries.length >= urls.length && entries.map(({ url }: { url: string }) => url);
      }, "entries read forward");
      expect(following.toSorted()).toEqual(urls.toSorted());
      expect(await each.data("GET", `${path}/stats`)).toMatchObject({
        total: 6,
        byService: { "terminal-1": 6 },
      });
      const [{ request_id }] = entries;
      const explained = await each.data("POST", `/containers/${at.container}/proxy/explain`, {
        body: { request_id },
      });
      expect(explained).toMatchObject({ allow: true, reason: "default_allow" });
    }
    const other = await busyPlace("local");
    expect(await places.api.data("GET", `/containers/${other.container}/proxy/logs`)).toEqual({
      ...{ entries: [], cursor: null },
    });
  });

  test("what is open at any proxy is listed and ended everywhere", async () => {
    const at = await busyPlace("local");
    const path = `/containers/${at.container}/proxy/connections`;
    for (const each of await everywhere()) {
      const open = await Promise.all(
        places.proxiesOf("local").map((proxy) => ask(proxy, at, "/open")),
      );
      const ends = open.map((response) =>
        response.text().then(
          () => "whole",
          () => "cut off",
        ),
      );
      const listed = await each.data("GET", path);
      expect(listed).toMatchObject({
        total: 2,
        connections: [{ path: "/open" }, { path: "/open" }],
      });
      for (const { id } of listed.connections) {
        expect(await each.data("DELETE", `${path}/${id}`)).toEqual({ ended: 1 });
        expect((await each.call("DELETE", `${path}/${id}`)).status).toBe(404);
      }
      expect(await Promise.all(ends)).toEqual(["cut off", "cut off"]);
      expect(await each.data("GET", path)).toEqual({ connections: [], total: 0 });
    }
  });

  test("a proxy that does not answer is named, and nothing looks like nobody", async () => {
    const [west] = places.proxiesOf("west");
    const at = await busyPlace("west");
    await (await ask(west, at, "/seen")).text();
    const read = () => places.api.call("GET", `/containers/${at.container}/proxy/logs`);
    expect((await read()).body.data.entries).toHaveLength(1);
    west?.signal("SIGSTOP");
    try {
      for (const what of ["logs", "logs/stats", "connections"]) {
        const answer = await places.api.call("GET", `/containers/${at.container}/proxy/${what}`);
        expect([what, answer.status, answer.body.code]).toEqual([what, 503, "PROXY_UNREACHABLE"]);
        expect(JSON.stringify(answer.body)).toContain("proxy-west/proxy-2");
      }
    } finally {
      west?.signal("SIGCONT");
    }
    const again = await until(async () => {
      const answer = await read();
      return answer.status === 200 && answer.body.data;
    }, "the proxy answers again");
    expect(again).toMatchObject({ entries: [{ url: "/seen" }], cursor: null });
  }, 60_000);

  test("one of 64 writers with one version wins, over two control planes", async () => {
    const at = await places.make("local");
    const path = permissionsPath(at);
    const apis = await places.apis();
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        (apis[n % 2] ?? places.api).call("PATCH", path, {
          body: open,
          headers: { "if-match": "file:v0" },
        }),
      ),
    );
    const statuses = answers.map((answer) => answer.status);
    expect(statuses.filter((each) => each === 200)).toHaveLength(1);
    expect(statuses.filter((each) => each === 412)).toHaveLength(63);
  });

  test("a quota of 10 that 50 race for over two control planes is 10", async () => {
    const body = { alias: places.alias(), max_containers: 10 };
    const { id } = await places.api.data("POST", "/projects", { body });
    const apis = await places.apis();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (apis[n % 2] ?? places.api).call("POST", `/projects/${id}/containers`, {
          body: { name: `box-${n}`, server_id: places.servers.get("west") },
        }),
      ),
    );
    expect(answers.filter(({ status: each }) => each === 201)).toHaveLength(10);
  });

  test("a proxy holds nothing of other servers' containers, in memory or on disk, and no master key", async () => {
    const at = await places.make("local");
    const marker = `mark${"er".repeat(6)}${at.container}`;
    const group = { type: "ip", range: "192.0.2.0/24" };
    await places.wait(await places.write(at, { ...open, groups: { [marker]: group } }));
    const [west] = places.proxiesOf("west");
    const [local] = places.proxiesOf("local");
    const key = Buffer.from(cluster.secretKey, "base64");
    const needles = [Buffer.from(marker), Buffer.from(at.container), key];
    expect(memoryHolds(local?.pid ?? 0, needles)).toEqual([true, true, false]);
    expect(memoryHolds(west?.pid ?? 0, needles)).toEqual([false, false, false]);
    // The key would be found where it is.
    expect(memoryHolds(cluster.controls[0]?.pid ?? 0, [key])).toEqual([true]);
    for (const proxy of ["proxy-0", "proxy-2"]) {
      const folder = join(cluster.folder, proxy);
      for (const file of readdirSync(folder)) {
        const bytes = readFileSync(join(folder, file));
        const held = needles.filter((needle) => bytes.includes(needle));
        // Only the exchange log says in the clear which containers were asked for.
        expect({ file, held: held.length }).toEqual({ file, held: 0 });
      }
    }
  });

  test(
    "a write of a control plane that dies with its answer is enforced by the followers of the other, and by its own",
    async () => {
      const at = await places.make("local");
      await places.wait(await places.write(at, open));
      const [first] = cluster.controls;
      const mortal = await places.asAdmin(first?.said.rest ?? "");
      const answer = places.write(at, closed, mortal);
      await answer;
      await first?.kill();
      for (const proxy of places.proxiesOf("local")) {
        await until(async () => (await statusAt(proxy, at)) === 403, "it is closed", 10_000);
      }
      const feed = new URL(first?.said.feed ?? "");
      const again = await cluster.startControl({
        REALMGATE_FEED_LISTEN: feed.host,
        REALMGATE_GRPC_LISTEN: new URL(first?.said.grpc ?? "").host,
        REALMGATE_REST_LISTEN: new URL(first?.said.rest ?? "").host,
      });
      cluster.controls[0] = again;
      await places.comeBack();
      expect((await places.wait(await places.write(at, open))).body.data.complete).toBeTrue();
    },
    startMsMax,
  );

  test(
    "without control planes a restarted proxy decides as before, and hears on their return what was revoked",
    async () => {
      const at = await places.make("west");
      const other = await places.make("west");
      await places.wait(await places.write(at, open));
      await places.wait(await places.write(other, closed));
      const listens = cluster.controls.map(({ said }) => ({
        REALMGATE_FEED_LISTEN: new URL(said.feed ?? "").host,
        REALMGATE_GRPC_LISTEN: new URL(said.grpc ?? "").host,
        REALMGATE_REST_LISTEN: new URL(said.rest ?? "").host,
      }));
      const feeds = await cluster.feedUrls();
      // Its file is written within seconds.
      await until(async () => {
        const text = await (await fetch(`${places.proxiesOf("west")[0]?.said.ops}/metrics`)).text();
        const saved = /^realmgate_snapshot_saved_revision (\d+)/m.exec(text)?.[1];
        const now = /^realmgate_snapshot_revision (\d+)/m.exec(text)?.[1];
        return saved !== undefined && saved === now;
      }, "the snapshot is saved");
      await Promise.all(cluster.controls.map((control) => control.kill()));
      expect((await places.api.call("GET", "/projects")).status).toBe(503);
      const index = cluster.proxies.findIndex(({ said }) => said.server === "west");
      await cluster.proxies[index]?.kill();
      const proxy = await cluster.startProxy("west", `proxy-${index}`, feeds);
      cluster.proxies[index] = proxy;
      expect([await statusAt(proxy, at), await statusAt(proxy, other)]).toEqual([200, 403]);
      const health = await (await fetch(`${proxy.said.ops}/healthz`)).json();
      expect([health.status, health.snapshot.from]).toEqual(["degraded", "file"]);
      for (const [n, listen] of listens.entries()) {
        cluster.controls[n] = await cluster.startControl(listen);
      }
      await places.comeBack();
      const revoked = await places.write(at, closed);
      // Proxies come back spread over up to half a minute.
      await until(
        async () => (await places.wait(revoked)).body.data.complete,
        "all enforce it",
        60_000,
      );
      expect(await statusAt(proxy, at)).toBe(403);
    },
    startMsMax,
  );

  test("a proxy tells of its disk and of its exchange log", async () => {
    for (const { said } of places.proxiesOf("local")) {
      const families = parsePrometheusText(await (await fetch(`${said.ops}/metrics`)).text());
      expect(sampleValue(families, "realmgate_disk_free_bytes")).toBeGreaterThan(0);
      expect(sampleValue(families, "realmgate_exchange_log_up")).toBe(1);
      const offset = sampleValue(families, "realmgate_clock_offset_seconds");
      expect(Math.abs(offset ?? Number.NaN)).toBeLessThan(60);
      expect(await (await fetch(`${said.ops}/healthz`)).json()).toMatchObject({ problems: [] });
    }
  });

  test("a proxy writes its access log", async () => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-"));
    const path = join(folder, "access.log");
    const proxy = await cluster.startProxy("local", "proxy-logged", await cluster.feedUrls(), {
      REALMGATE_ACCESS_LOG: path,
    });
    const host = "nowhere.test";
    await fetch(`${proxy.said.proxy}/asked`, { headers: { host } });
    await proxy.stop();
    const lines = readFileSync(path, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).path)).toEqual(["/asked"]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("a revoked node hears nothing more", async () => {
    const token = await cluster.node("proxy", "north");
    cluster.tokens.set("north", token);
    const proxy = await cluster.startProxy("north", "proxy-north", await cluster.feedUrls());
    const { nodes } = await places.api.data("GET", "/nodes");
    const node = nodes.find((each: { name: string }) => each.name === "proxy-north");
    await places.api.data("DELETE", `/nodes/${node.id}`);
    await until(async () => {
      const { problems } = await (await fetch(`${proxy.said.ops}/healthz`)).json();
      return problems.some((text: string) => /revoked|not a node/.test(text));
    }, "it is cut");
    await proxy.stop();
  });

  test("a gateway that stops says so until the calls that run are through", async () => {
    const { gateway } = cluster;
    const [west] = places.proxiesOf("west");
    const at = await places.make("west");
    west?.signal("SIGSTOP");
    try {
      const written = await places.write(at, closed);
      const waiting = places.wait(written);
      // It has to be there before the signal is, and nothing tells of calls that run.
      await Bun.sleep(1_000);
      gateway?.signal("SIGTERM");
      await until(async () => {
        const health = await (await fetch(`${gateway?.said.ops}/healthz`)).json();
        return health.status === "draining";
      }, "it says that it is draining");
      const ready = await fetch(`${gateway?.said.ops}/readyz`);
      expect([ready.status, await ready.json()]).toEqual([503, { status: "draining" }]);
      west?.signal("SIGCONT");
      expect((await waiting).status).toBe(200);
    } finally {
      west?.signal("SIGCONT");
    }
    expect(await gateway?.exited).toBe(0);
    await expect(fetch(`${gateway?.said.ops}/healthz`)).rejects.toThrow();
  }, 60_000);
});
