// An installation in several processes, as its operators and clients see it: what must hold when parts of it go away.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Answer, Api } from "../harness/client.ts";
import { Cluster, type Member } from "../harness/cluster.ts";
import { postgresBinaries, sayWithoutPostgres } from "../harness/postgres-server.ts";
import { memoryHolds } from "../harness/process-memory.ts";
import { startUpstream, type Upstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const startMsMax = 120_000;
const open = { groups: {}, permissions: {}, default: "allow" };
const closed = { groups: {}, permissions: {}, default: "deny" };

interface Place {
  readonly container: string;
  readonly host: string;
}

describe.skipIf(postgresBinaries === null)("a cluster", () => {
  let cluster: Cluster;
  let upstream: Upstream;
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
  let api: Api;
  const servers = new Map<string, string>();
  let made = 0;

  beforeAll(async () => {
    [cluster, upstream] = await Promise.all([Cluster.start(), startUpstream()]);
    api = await asAdmin(cluster.rest);
    const listed = await api.data("GET", "/servers");
    for (const { name, id } of listed.servers) servers.set(name, id);
  }, startMsMax);

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
    await endless.stop(true);
  }, startMsMax);

  /** Once a control plane is there. */
  async function asAdmin(rest: string): Promise<Api> {
    const token = await until(() => cluster.login(rest).catch(() => null), "the login");
    return new Api(rest, `Bearer ${token}`);
  }

  async function place(server: string, through = api): Promise<Place> {
    const project = await through.data("POST", "/projects", { body: { alias: `p${++made}` } });
    const programs = { terminal: { port: upstream.port } };
    const common = { name: `box-${made}`, address: "127.0.0.1", programs };
    const body = { ...common, server_id: servers.get(server) };
    const { id } = await through.data("POST", `/projects/${project.id}/containers`, { body });
    const host = `${project.id}-${id}-terminal-1.${server}.containers.localhost`;
    return { container: id, host };
  }

  async function write(at: Place, document: object, through = api): Promise<Answer> {
    const path = `/containers/${at.container}/proxy/permissions`;
    const { etag } = await through.data("GET", path);
    const answer = await through.call("PATCH", path, {
      body: document,
      headers: { "if-match": etag },
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return answer;
  }

  async function wait(answer: Answer, through = api): Promise<Answer> {
    const revision = answer.headers.get("x-realmgate-revision");
    return await through.call("GET", `/enforcement?revision=${revision}&wait_ms=10000`);
  }

  const ofServer = (server: string) => cluster.proxies.filter(({ said }) => said.server === server);

  async function status(proxy: Member | undefined, { host }: Place): Promise<number> {
    const response = await fetch(proxy?.said.proxy ?? "", { headers: { host } });
    await response.body?.cancel();
    return response.status;
  }

  test("serves each container at the proxies of its server, and at no others", async () => {
    for (const server of ["local", "west"]) {
      const at = await place(server);
      const answer = await write(at, open);
      expect((await wait(answer)).body.data).toEqual({
        ...{ complete: true, enforced: 3, of: 3, lagging: [] },
      });
      for (const proxy of cluster.proxies) {
        const isHome = proxy.said.server === server;
        expect((await status(proxy, at)) === 200).toBe(isHome);
      }
      await wait(await write(at, closed));
      for (const proxy of ofServer(server)) expect(await status(proxy, at)).toBe(403);
    }
  });

  test("tells how its servers and nodes are", async () => {
    await wait(await write(await place("local"), open));
    const listed = await until(async () => {
      const { servers: all } = await api.data("GET", "/servers");
      return all.every((each: { status: string }) => each.status === "online") && all;
    }, "all servers are online");
    expect(listed).toMatchObject([
      { name: "local", processes: 2, enforcing: 2 },
      { name: "west", processes: 1, enforcing: 1 },
    ]);
    const { nodes } = await api.data("GET", "/nodes");
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
    const at = await place("local");
    await wait(await write(at, open));
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
    const { events } = await api.data("GET", "/events?kind=auth.session.created&limit=1");
    expect(events[0].client_ip).toBe("127.0.0.1");
  });

  /** A container of a server whose program never ends an answer to `/open`. */
  async function busyPlace(server: string): Promise<Place> {
    const at = await place(server);
    const programs = { terminal: { port: endless.port ?? 0 } };
    await api.data("PUT", `/containers/${at.container}/upstream`, {
      body: { address: "127.0.0.1", programs },
    });
    await wait(await write(at, open));
    return at;
  }

  const ask = (proxy: Member | undefined, { host }: Place, path: string, signal?: AbortSignal) =>
    fetch(`${proxy?.said.proxy}${path}`, { headers: { host }, signal: signal ?? null });

  /** The API at the gateway and at each control plane: whom a proxy follows makes no difference. */
  async function everywhere(): Promise<Api[]> {
    const rests = [cluster.rest, ...cluster.controls.map(({ said }) => said.rest ?? "")];
    return Promise.all(rests.map(asAdmin));
  }

  test("who accessed a container is told everywhere, by all proxies of its server together", async () => {
    const at = await busyPlace("local");
    const proxies = ofServer("local");
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
      const forward = await each.data("GET", `${path}?after_id=0&limit=200`);
      const following = forward.entries.map(({ url }: { url: string }) => url);
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
    expect(await api.data("GET", `/containers/${other.container}/proxy/logs`)).toEqual({
      ...{ entries: [], cursor: null },
    });
  });

  test("what is open at any proxy is listed and ended everywhere", async () => {
    const at = await busyPlace("local");
    const path = `/containers/${at.container}/proxy/connections`;
    for (const each of await everywhere()) {
      const open = await Promise.all(ofServer("local").map((proxy) => ask(proxy, at, "/open")));
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
    const [west] = ofServer("west");
    const at = await busyPlace("west");
    await (await ask(west, at, "/seen")).text();
    const read = () => api.call("GET", `/containers/${at.container}/proxy/logs`);
    expect((await read()).body.data.entries).toHaveLength(1);
    west?.signal("SIGSTOP");
    try {
      for (const what of ["logs", "logs/stats", "connections"]) {
        const answer = await api.call("GET", `/containers/${at.container}/proxy/${what}`);
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
    const at = await place("local");
    const path = `/containers/${at.container}/proxy/permissions`;
    const apis = await Promise.all(cluster.controls.map(({ said }) => asAdmin(said.rest ?? "")));
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        (apis[n % 2] ?? api).call("PATCH", path, {
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
    const body = { alias: `quota${++made}`, max_containers: 10 };
    const { id } = await api.data("POST", "/projects", { body });
    const apis = await Promise.all(cluster.controls.map(({ said }) => asAdmin(said.rest ?? "")));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (apis[n % 2] ?? api).call("POST", `/projects/${id}/containers`, {
          body: { name: `box-${n}`, server_id: servers.get("west") },
        }),
      ),
    );
    expect(answers.filter(({ status: each }) => each === 201)).toHaveLength(10);
  });

  test("a proxy holds nothing of other servers' containers, in memory or on disk, and no master key", async () => {
    const at = await place("local");
    const marker = `mark${"er".repeat(6)}${made}`;
    const group = { type: "ip", range: "192.0.2.0/24" };
    await wait(await write(at, { ...open, groups: { [marker]: group } }));
    const [west] = ofServer("west");
    const [local] = ofServer("local");
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
      const at = await place("local");
      await wait(await write(at, open));
      const [first] = cluster.controls;
      const mortal = await asAdmin(first?.said.rest ?? "");
      const answer = write(at, closed, mortal);
      await answer;
      await first?.kill();
      for (const proxy of ofServer("local")) {
        await until(async () => (await status(proxy, at)) === 403, "it is closed", 10_000);
      }
      const feed = new URL(first?.said.feed ?? "");
      const again = await cluster.startControl({
        REALMGATE_FEED_LISTEN: feed.host,
        REALMGATE_GRPC_LISTEN: new URL(first?.said.grpc ?? "").host,
        REALMGATE_REST_LISTEN: new URL(first?.said.rest ?? "").host,
      });
      cluster.controls[0] = again;
      api = await asAdmin(cluster.rest);
      expect((await wait(await write(at, open))).body.data.complete).toBeTrue();
    },
    startMsMax,
  );

  test(
    "without control planes a restarted proxy decides as before, and hears on their return what was revoked",
    async () => {
      const at = await place("west");
      const other = await place("west");
      await wait(await write(at, open));
      await wait(await write(other, closed));
      const listens = cluster.controls.map(({ said }) => ({
        REALMGATE_FEED_LISTEN: new URL(said.feed ?? "").host,
        REALMGATE_GRPC_LISTEN: new URL(said.grpc ?? "").host,
        REALMGATE_REST_LISTEN: new URL(said.rest ?? "").host,
      }));
      const feeds = await cluster.feedUrls();
      // Its file is written within seconds.
      await until(async () => {
        const text = await (await fetch(`${ofServer("west")[0]?.said.ops}/metrics`)).text();
        const saved = /^realmgate_snapshot_saved_revision (\d+)/m.exec(text)?.[1];
        const now = /^realmgate_snapshot_revision (\d+)/m.exec(text)?.[1];
        return saved !== undefined && saved === now;
      }, "the snapshot is saved");
      await Promise.all(cluster.controls.map((control) => control.kill()));
      expect((await api.call("GET", "/projects")).status).toBe(503);
      const index = cluster.proxies.findIndex(({ said }) => said.server === "west");
      await cluster.proxies[index]?.kill();
      const proxy = await cluster.startProxy("west", `proxy-${index}`, feeds);
      cluster.proxies[index] = proxy;
      expect([await status(proxy, at), await status(proxy, other)]).toEqual([200, 403]);
      const health = await (await fetch(`${proxy.said.ops}/healthz`)).json();
      expect([health.status, health.snapshot.from]).toEqual(["degraded", "file"]);
      for (const [n, listen] of listens.entries()) {
        cluster.controls[n] = await cluster.startControl(listen);
      }
      api = await asAdmin(cluster.rest);
      const revoked = await write(at, closed);
      // Proxies come back spread over up to half a minute.
      await until(async () => (await wait(revoked)).body.data.complete, "all enforce it", 60_000);
      expect(await status(proxy, at)).toBe(403);
    },
    startMsMax,
  );

  test("a revoked node hears nothing more", async () => {
    const token = await cluster.node("proxy", "north");
    cluster.tokens.set("north", token);
    const proxy = await cluster.startProxy("north", "proxy-north", await cluster.feedUrls());
    const { nodes } = await api.data("GET", "/nodes");
    const node = nodes.find((each: { name: string }) => each.name === "proxy-north");
    await api.data("DELETE", `/nodes/${node.id}`);
    await until(async () => {
      const { problems } = await (await fetch(`${proxy.said.ops}/healthz`)).json();
      return problems.some((text: string) => /revoked|not a node/.test(text));
    }, "it is cut");
    await proxy.stop();
  });
});
