// Several gate processes with one face: whatever is asked of the node is asked of all of them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { RemoteSource } from "../../src/proxy/snapshot/remote-source.ts";
import { certificate } from "../harness/certificate.ts";
import { type Api, enforced, loginAdmin, makePlace, type Place } from "../harness/client.ts";
import {
  adminPassword,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
  type Urls,
} from "../harness/program.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { until } from "../harness/until.ts";

const WORKERS = 2;
const startMsMax = 60_000;
const workers = { REALMGATE_WORKERS: String(WORKERS) };

/** The gate processes of a program. */
function gatesOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
}

const isAlive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

/** Status of a request on a connection of its own; 0: it was cut off. */
function answerTo({ proxy }: Urls, host: string, more = ""): Promise<number> {
  return new Promise((resolve) => {
    const socket = net.connect(Number(new URL(proxy).port), "127.0.0.1");
    let text = "";
    socket.on("connect", () => {
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);
    });
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
  });
}

async function metrics({ ops }: Urls) {
  return parsePrometheusText(await (await fetch(`${ops}/metrics`)).text());
}

/** An exchange that goes on at a gate process, until that or the test ends it. */
async function openExchange(
  { proxy }: Urls,
  host: string,
): Promise<{ closed: Promise<void>; end(): void }> {
  const socket = net.connect(Number(new URL(proxy).port), "127.0.0.1");
  const begun = Promise.withResolvers<void>();
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("data", () => begun.resolve());
  socket.on("error", () => {});
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await Promise.race([begun.promise, closed]);
  return { closed, end: () => socket.destroy() };
}

let program: Program;
let upstream: Upstream;
let sockets: Bun.Server<undefined>;
let api: Api;
let place: Place;

beforeAll(async () => {
  upstream = await startUpstream();
  sockets = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no")),
    websocket: { message: (socket, message) => void socket.send(message) },
  });
  program = await startProgram({
    environment: { ...workers, REALMGATE_CREDENTIAL_FAILURES_MAX: "20" },
  });
  api = await loginAdmin(program.urls);
  place = await makePlace(api, program.urls, upstream.port);
}, startMsMax);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  void sockets.stop(true);
});

/** Opens exchanges until every gate process has one. */
async function oneInEach(host: string): Promise<Awaited<ReturnType<typeof openExchange>>[]> {
  const open: Awaited<ReturnType<typeof openExchange>>[] = [];
  const byGate = async () => {
    const { connections } = await api.data(
      "GET",
      `/containers/${place.containerId}/proxy/connections`,
    );
    return connections.length;
  };
  while (open.length < 24) open.push(await openExchange(program.urls, host));
  await until(async () => (await byGate()) === open.length, "all exchanges are listed");
  return open;
}

describe("one face", () => {
  test("one ready line names one address of each kind; the gate processes are children that have neither key nor settings", () => {
    expect(program.event).toBe("ready");
    expect(Object.keys(program.urls).toSorted()).toEqual(["grpc", "ops", "pid", "proxy", "rest"]);
    const gates = gatesOf(program.pid);
    expect(gates).toHaveLength(WORKERS);
    for (const pid of gates) {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      expect(environment).not.toContain("REALMGATE_");
      expect(environment).not.toContain(adminPassword);
      const open = new Bun.Glob("*").scanSync({ cwd: `/proc/${pid}/fd`, onlyFiles: false });
      const files = [...open].map((fd) => {
        try {
          return `${readFileSync(`/proc/${pid}/fdinfo/${fd}`) && Bun.spawnSync(["readlink", `/proc/${pid}/fd/${fd}`]).stdout}`;
        } catch {
          return "";
        }
      });
      expect(files.filter((file) => /sqlite|secret\.key/.test(file))).toEqual([]);
    }
  });

  test(
    "every gate process serves, and a write is enforced once all of them enforce it",
    async () => {
      const document = {
        groups: { g: { type: "token", value: "t-1", header: "X-Api-Token" } },
        permissions: { g: { terminal: true } },
        default: "deny",
      };
      const host = place.host("terminal-1");
      for (let round = 0; round < 10; round++) {
        await place.container.replace(document);
        const refused = await Promise.all(
          Array.from({ length: 16 }, () => answerTo(program.urls, host)),
        );
        expect(new Set(refused)).toEqual(new Set([401]));
        await place.container.replace({ default: "allow" });
        const allowed = await Promise.all(
          Array.from({ length: 16 }, () => answerTo(program.urls, host)),
        );
        expect(new Set(allowed)).toEqual(new Set([200]));
      }
      const before = await metrics(program.urls);
      expect(sampleValue(before, "realmgate_workers")).toBe(WORKERS);
    },
    startMsMax,
  );

  test("metrics are sums: no request is counted twice or left out", async () => {
    const host = place.host("terminal-1");
    const count = async () => {
      const family = (await metrics(program.urls)).get("realmgate_requests_total");
      return family?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0;
    };
    const before = await count();
    await Promise.all(Array.from({ length: 40 }, () => answerTo(program.urls, host)));
    expect(await count()).toBe(before + 40);
    const families = await metrics(program.urls);
    const heads = families.get("realmgate_request_head_seconds")?.samples ?? [];
    const counted = heads.filter(({ name }) => name.endsWith("_count"));
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(before + 40);
    expect(families.get("realmgate_build_info")?.samples.map(({ value }) => value)).toEqual([1]);
    // The revision is that of all of them, not a sum.
    const { snapshot } = (await (await fetch(`${program.urls.ops}/healthz`)).json()) as {
      snapshot: { revision: number };
    };
    expect(sampleValue(families, "realmgate_snapshot_revision")).toBe(snapshot.revision);
  });

  test(
    "connections at all gate processes are listed, one is ended, those of a group are ended",
    async () => {
      const live = await makePlace(api, program.urls, sockets.port ?? 0);
      place = live;
      const host = live.host("terminal-1");
      const open = await oneInEach(host);
      const path = `/containers/${live.containerId}/proxy/connections`;
      const { connections, total } = await api.data("GET", path);
      expect(total).toBe(open.length);
      const since = connections.map((each: { since: string }) => each.since);
      expect(since).toEqual(since.toSorted());
      for (const { id } of connections.slice(0, 5)) await api.data("DELETE", `${path}/${id}`);
      await until(
        async () => (await api.data("GET", path)).total === open.length - 5,
        "five are gone",
      );
      // Revocation reaches all of them.
      await live.container.replace({ default: "deny" });
      await Promise.all(open.map(({ closed }) => closed));
      expect((await api.data("GET", path)).total).toBe(0);
    },
    startMsMax,
  );

  test("the exchange log has what every gate process served, at once", async () => {
    const logged = await makePlace(api, program.urls, upstream.port);
    const host = logged.host("terminal-1");
    await Promise.all(Array.from({ length: 30 }, () => answerTo(program.urls, host)));
    const { entries } = await api.data(
      "GET",
      `/containers/${logged.containerId}/proxy/logs?limit=200`,
    );
    expect(entries).toHaveLength(30);
  });

  test(
    "wrong credentials are counted together: more processes are not more guesses",
    async () => {
      const guarded = await makePlace(api, program.urls, upstream.port);
      await guarded.container.replace({
        groups: { g: { type: "token", value: "right", header: "X-Api-Token" } },
        permissions: { g: { terminal: true } },
        default: "deny",
      });
      const host = guarded.host("terminal-1");
      const statuses: number[] = [];
      for (let guess = 0; guess < 60; guess++) {
        statuses.push(await answerTo(program.urls, host, `X-Api-Token: wrong-${guess}\r\n`));
        await Bun.sleep(25);
      }
      // Twenty a minute, and what is refilled meanwhile.
      expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20 + 5);
      expect(statuses.at(-1)).toBe(429);
      expect(await answerTo(program.urls, host, "X-Api-Token: right\r\n")).toBe(200);
    },
    startMsMax,
  );

  test(
    "the gate's own listeners are dialled by none of them",
    async () => {
      for (const url of [
        program.urls.rest,
        program.urls.ops,
        program.urls.proxy,
        program.urls.grpc,
      ]) {
        const own = await makePlace(api, program.urls, Number(new URL(url).port));
        const statuses = await Promise.all(
          Array.from({ length: 8 }, () => answerTo(program.urls, own.host("terminal-1"))),
        );
        expect(statuses.every((status) => status >= 500)).toBe(true);
      }
    },
    startMsMax,
  );
});

describe("the socket of the feed", () => {
  test("is its user's alone, and tells nothing to who has no token", async () => {
    const path = join(program.dataDir, "feed.sock");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(program.dataDir).mode & 0o077).toBe(0);
    const problems: string[] = [];
    for (const token of [null, "", "0".repeat(64)]) {
      const source = new RemoteSource({
        ...{ urls: [`unix:${path}`], token, process: "stranger", servers: ["local"], version: "0" },
        log: { error() {}, info() {}, warn: (fields) => problems.push(JSON.stringify(fields)) },
      });
      await expect(source.changesAfter(0n, "")).rejects.toThrow();
      source.stop();
    }
    expect(problems.join()).toContain("not a node of this installation");
  });
});

describe("a gate process that is killed", () => {
  test(
    "is replaced, loudly, while the others take every new connection; no sum goes back",
    async () => {
      const steady = await makePlace(api, program.urls, upstream.port);
      const host = steady.host("terminal-1");
      const total = async () => {
        const family = (await metrics(program.urls)).get("realmgate_requests_total");
        return family?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0;
      };
      const before = await total();
      const [victim = 0, survivor = 0] = gatesOf(program.pid);
      process.kill(victim, "SIGKILL");
      await until(() => !isAlive(victim), "it is dead");
      // Who connects after its death is served by who lives.
      for (let n = 0; n < 20; n++) expect(await answerTo(program.urls, host)).toBe(200);
      await until(() => gatesOf(program.pid).filter(isAlive).length === WORKERS, "it is replaced");
      expect(gatesOf(program.pid)).toContain(survivor);
      await until(
        async () => sampleValue(await metrics(program.urls), "realmgate_workers") === WORKERS,
        "it serves",
      );
      expect(sampleValue(await metrics(program.urls), "realmgate_workers_replaced_total")).toBe(1);
      expect(await total()).toBeGreaterThanOrEqual(before + 20);
      expect(program.log()).toContain("a gate process is gone; it is replaced");
      // The new one enforces what was written before it was there.
      const answer = await api.call("PATCH", `${steady.container.path}/state`, {
        body: { enable_proxy: false },
        headers: { "if-match": (await steady.container.get()).etag },
      });
      await enforced(program.urls, answer);
      const statuses = await Promise.all(
        Array.from({ length: 24 }, () => answerTo(program.urls, host)),
      );
      expect(statuses).not.toContain(200);
    },
    startMsMax,
  );

  test(
    "and so is one that hangs: it takes no connection, and all are served",
    async () => {
      const steady = await makePlace(api, program.urls, upstream.port);
      const [victim = 0] = gatesOf(program.pid);
      process.kill(victim, "SIGSTOP");
      try {
        for (let n = 0; n < 40; n++)
          expect(await answerTo(program.urls, steady.host("terminal-1"))).toBe(200);
      } finally {
        process.kill(victim, "SIGCONT");
      }
    },
    startMsMax,
  );

  test(
    "and while it hangs the others' connections are ended, readiness is 503, and it is named; then it is replaced",
    async () => {
      const live = await makePlace(api, program.urls, sockets.port ?? 0);
      place = live;
      const document = { groups: { all: { type: "ip", range: "127.0.0.0/8" } } };
      const written = await live.container.replace({
        ...document,
        permissions: { all: { terminal: true } },
      });
      const revision = written.headers.get("x-realmgate-revision") ?? "";
      const open = await oneInEach(live.host("terminal-1"));
      const [victim = 0] = gatesOf(program.pid);
      process.kill(victim, "SIGSTOP");
      try {
        const path = `/containers/${live.containerId}/proxy/connections`;
        const readyz = `${program.urls.ops}/readyz`;
        const [{ ended, missing }, unknown, ...readiness] = await Promise.all([
          api.data("DELETE", `${path}?group=all`),
          api.call("DELETE", `${path}/${"0".repeat(24)}`),
          fetch(`${readyz}?revision=${revision}`),
          fetch(readyz),
        ]);
        expect(unknown).toMatchObject({ status: 503, body: { code: "PROXY_UNREACHABLE" } });
        for (const answer of readiness) {
          expect(answer.status).toBe(503);
          const message = expect.stringMatching(/^gate process \d says nothing$/);
          expect(await answer.json()).toEqual({ status: "silent", from: "live", message });
        }
        const health = await (await fetch(`${program.urls.ops}/healthz`)).json();
        expect(health).toMatchObject({
          status: "degraded",
          problems: [`${missing[0]} says nothing`],
        });
        expect(missing).toEqual([expect.stringMatching(/^gate process \d$/)]);
        expect(ended).toBeGreaterThan(0);
        expect(ended).toBeLessThan(open.length);
        const ofThis = `kind=container.connections_ended&resource_id=${live.containerId}`;
        expect((await api.data("GET", `/events?${ofThis}`)).events).toHaveLength(1);
        await until(() => program.log().includes("is stuck; it is ended"), "it is ended");
        await until(() => gatesOf(program.pid).filter(isAlive).length === WORKERS, "all are back");
        await Promise.all(open.map(({ closed }) => closed));
      } finally {
        if (isAlive(victim)) process.kill(victim, "SIGCONT");
      }
    },
    startMsMax,
  );
});

test(
  "kill -9 of the parent ends the gate processes",
  async () => {
    const orphaned = await startProgram({ environment: workers });
    const gates = gatesOf(orphaned.pid);
    expect(gates).toHaveLength(WORKERS);
    await orphaned.kill();
    await until(() => !gates.some(isAlive), "they are gone");
    rmSync(orphaned.dataDir, { recursive: true, force: true });
  },
  startMsMax,
);

test(
  "SIGTERM, also to all processes at once, drains: what runs ends well, and nothing is left",
  async () => {
    const held = Promise.withResolvers<void>();
    using slow = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 60,
      fetch: async () => {
        await held.promise;
        return new Response("done");
      },
    });
    await using stopping = await startProgram({ environment: workers });
    const admin = await loginAdmin(stopping.urls);
    const host = (await makePlace(admin, stopping.urls, slow.port ?? 0)).host("terminal-1");
    const answers = Array.from({ length: 12 }, () => answerTo(stopping.urls, host));
    await until(
      async () =>
        sampleValue(await metrics(stopping.urls), "realmgate_exchanges_open") === answers.length,
      "all are under way",
    );
    const gates = gatesOf(stopping.pid);
    for (const pid of gates) process.kill(pid, "SIGTERM");
    stopping.signal("SIGTERM");
    await until(
      async () => (await answerTo(stopping.urls, "no.container")) === 0,
      "nothing new is accepted",
    );
    held.resolve();
    expect(await Promise.all(answers)).toEqual(answers.map(() => 200));
    expect(await stopping.exited).toBe(0);
    expect(gates.some(isAlive)).toBe(false);
    expect(existsSync(join(stopping.dataDir, "feed.sock"))).toBe(false);
  },
  startMsMax,
);

test(
  "SIGHUP renews the certificate in all, and whoever replaces one later has the new one",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-edge-"));
    const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
    const write = () => {
      const pair = certificate({ names: ["*.local.containers.localhost"] });
      for (const name of ["key", "cert"] as const) {
        writeFileSync(`${files[name]}.new`, pair[name]);
        renameSync(`${files[name]}.new`, files[name]);
      }
    };
    write();
    await using renewed = await startProgram({
      environment: {
        ...workers,
        REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
        REALMGATE_TLS_CERT: files.cert,
        REALMGATE_TLS_KEY: files.key,
      },
    });
    const port = Number(new URL(renewed.urls.proxyTls ?? "").port);
    const serial = () =>
      new Promise<string>((resolve) => {
        const servername = "x-y-terminal-1.local.containers.localhost";
        const socket = tls.connect(
          { host: "127.0.0.1", port, servername, rejectUnauthorized: false },
          () => {
            resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
            socket.destroy();
          },
        );
        socket.on("error", () => resolve(""));
      });
    const serials = async () =>
      new Set((await Promise.all(Array.from({ length: 24 }, serial))).filter(Boolean));
    const [before] = await serials();
    write();
    renewed.signal("SIGHUP");
    const [after] = await until(async () => {
      const all = await serials();
      return all.size === 1 && !all.has(before ?? "") ? all : null;
    }, "all have the new certificate");
    const [victim = 0] = gatesOf(renewed.pid);
    process.kill(victim, "SIGKILL");
    await until(
      async () =>
        sampleValue(await metrics(renewed.urls), "realmgate_workers_replaced_total") === 1,
      "one was replaced",
    );
    await until(
      async () => sampleValue(await metrics(renewed.urls), "realmgate_workers") === WORKERS,
      "it serves",
    );
    expect(await serials()).toEqual(new Set([after ?? ""]));
    rmSync(folder, { recursive: true, force: true });
  },
  startMsMax,
);

test(
  "a start that fails leaves no process and no file",
  async () => {
    using taken = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      exclusive: true,
      socket: { data() {} },
    });
    const dataDir = join(mkdtempSync(join(tmpdir(), "realmgate-")), "data");
    const environment = { ...workers, REALMGATE_ACCESS_LOG: "/nowhere/at/all" };
    await expect(startProgram({ dataDir, environment })).rejects.toThrow(
      /REALMGATE_ACCESS_LOG: cannot write/,
    );
    expect(existsSync(dataDir)).toBe(false);
    const busy = { ...workers, REALMGATE_PROXY_LISTEN: `127.0.0.1:${taken.port}` };
    await expect(startProgram({ dataDir, environment: busy })).rejects.toThrow(
      /REALMGATE_PROXY_LISTEN/,
    );
    expect(existsSync(dataDir)).toBe(false);
  },
  startMsMax,
);

test(
  "a successor serves while its predecessor drains, and has the database when that lets go",
  async () => {
    const environment = { ...workers, REALMGATE_PROXY_REUSE_PORT: "1" };
    const first = await startProgram({ environment });
    const admin = await loginAdmin(first.urls);
    const served = await makePlace(admin, first.urls, upstream.port);
    const host = served.host("terminal-1");
    const address = (url: string) => new URL(url).host;
    const same = {
      ...environment,
      REALMGATE_PROXY_LISTEN: address(first.urls.proxy),
      REALMGATE_REST_LISTEN: address(first.urls.rest),
      REALMGATE_GRPC_LISTEN: address(first.urls.grpc),
      REALMGATE_OPS_LISTEN: address(first.urls.ops),
    };
    await using second = await startProgram({ dataDir: first.dataDir, environment: same });
    expect(second.event).toBe("degraded");
    expect(second.urls.proxy).toBe(first.urls.proxy);
    // It is no snapshot of the past: what is revoked at the predecessor is revoked at the successor.
    await served.container.replace({ default: "deny" });
    await until(async () => {
      const statuses = await Promise.all(
        Array.from({ length: 32 }, () => answerTo(first.urls, host)),
      );
      return statuses.every((status) => status === 401 || status === 403);
    }, "both enforce it");
    first.signal("SIGTERM");
    const urls = await second.ready();
    expect(urls.rest).toBe(first.urls.rest);
    expect(await first.exited).toBe(0);
    const again = await loginAdmin(urls);
    expect((await again.call("GET", `/containers/${served.containerId}`)).status).toBe(200);
    await first[Symbol.asyncDispose]();
  },
  startMsMax,
);
