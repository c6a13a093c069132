// Connections of load balancers that say in a PROXY header for whom they speak.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProxy } from "../../src/proxy/proxy.ts";
import { accepts, freePort } from "../harness/free-port.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { ip, testBench } from "../harness/proxy-bench.ts";
import { until, within } from "../harness/until.ts";
import { request } from "../harness/wire.ts";

const BALANCER = "127.0.0.2";
const bench = await testBench();
const gate = await startProxy(
  bench.options({
    plainEdge: "wire",
    proxyProtocol: [`${BALANCER}/32`],
    trustedProxies: ["198.51.100.9/32"],
    exchangesMax: 64,
    idleS: 1,
  }),
  bench.registry,
);
afterAll(() => gate.stop(true));

/** A container that lets this network in. */
async function open(range: string): Promise<string> {
  const placed = await bench.place({
    own: { groups: { g: ip(range) }, permissions: { g: { display: true } } },
    programs: { display: bench.upstream.port ?? 0 },
  });
  expect(await gate.reached(bench.proxy.revision(), 2_000)).toBe(true);
  return placed.host("display");
}

/** All that comes back for these pieces, sent one by one from an address of this host. */
async function heard(from: string, ...pieces: (string | Buffer)[]): Promise<string> {
  const closed = Promise.withResolvers<string>();
  let received = "";
  const socket = net.connect({ port: gate.port, host: "127.0.0.1", localAddress: from });
  socket.setNoDelay(true);
  socket.on("data", (data) => {
    received += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => closed.resolve(received));
  for (const piece of pieces) {
    socket.write(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece);
    await Bun.sleep(1);
  }
  try {
    return await within(closed.promise, "the gate closes the connection", 10_000);
  } finally {
    socket.destroy();
  }
}

const status = (answer: string) => answer.slice(0, 13).trimEnd();
const get = (host: string, ...lines: string[]) =>
  request(host, "GET / HTTP/1.1", "Connection: close", ...lines);
const speaksFor = (client: string) => `PROXY TCP4 ${client} 10.0.0.1 40000 80\r\n`;

/** Version 2, for this IPv4 client. */
function binary(client: string): Buffer {
  return Buffer.concat([
    Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "latin1"),
    Buffer.from([...client.split(".").map(Number), 10, 0, 0, 1, 0x9c, 0x40, 0, 80]),
  ]);
}

const LOCAL = Buffer.from("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "latin1");

describe("a listed peer (F10)", () => {
  test.each([
    ["v1", speaksFor],
    ["v2", binary],
  ])(
    "speaks for a client (%s): its address is what ip groups see and programs are told",
    async (_version, header) => {
      const host = await open("203.0.113.0/24");
      const bytes = Buffer.concat([Buffer.from(header("203.0.113.7")), Buffer.from(get(host))]);
      const answer = await heard(BALANCER, bytes);
      expect(status(answer)).toBe("HTTP/1.1 200");
      expect(answer).toContain('"x-forwarded-for":"203.0.113.7"');
      expect(status(await heard(BALANCER, header("203.0.114.7"), get(host)))).toBe("HTTP/1.1 403");
    },
  );

  test("may send its header in pieces", async () => {
    const host = await open("203.0.113.0/24");
    const pieces = [...`${speaksFor("203.0.113.7")}`, get(host)];
    expect(status(await heard(BALANCER, ...pieces))).toBe("HTTP/1.1 200");
  });

  test("cannot lend its client a word: X-Forwarded-For counts when the client is a trusted proxy", async () => {
    const host = await open("203.0.113.0/24");
    const claim = get(host, "X-Forwarded-For: 203.0.113.7");
    expect(status(await heard(BALANCER, speaksFor("198.51.100.8") + claim))).toBe("HTTP/1.1 403");
    expect(status(await heard(BALANCER, speaksFor("198.51.100.9") + claim))).toBe("HTTP/1.1 200");
  });

  test("stays the peer when it speaks for itself", async () => {
    const host = await open(`${BALANCER}/32`);
    expect(status(await heard(BALANCER, LOCAL, get(host)))).toBe("HTTP/1.1 200");
    expect(status(await heard(BALANCER, "PROXY UNKNOWN\r\n", get(host)))).toBe("HTTP/1.1 200");
    expect(status(await heard(BALANCER, speaksFor("203.0.113.7"), get(host)))).toBe("HTTP/1.1 403");
  });

  test("gets no response without a header, and a line of the log, and is counted", async () => {
    const host = await open("0.0.0.0/0");
    const count = async () => {
      const families = parsePrometheusText(await gate.metrics.text());
      return sampleValue(families, "realmgate_malformed_total", { reason: "proxy-header" });
    };
    const counted = await count();
    const before = bench.logged.length;
    expect(await heard(BALANCER, get(host))).toBe("");
    expect(await heard(BALANCER, "PROXY TCP4 203.0.113.7 10.0.0.1 1\r\n", get(host))).toBe("");
    expect(bench.logged.slice(before)).toContainEqual({
      level: "warn",
      message: "connection closed: it has no valid PROXY header",
      fields: { peer: BALANCER },
    });
    expect(await count()).toBe(counted + 2);
  });

  test("is closed when half a header is all that comes", async () => {
    expect(await heard(BALANCER, "PROXY TCP4 203.0")).toBe("");
    expect(await heard(BALANCER)).toBe("");
  });

  test("speaks once: a second header is no request", async () => {
    const host = await open("203.0.113.0/24");
    const twice = speaksFor("198.51.100.8") + speaksFor("203.0.113.7");
    expect(status(await heard(BALANCER, twice + get(host)))).toBe("HTTP/1.1 400");
  });
});

test("from any other peer a header is malformed HTTP (F9)", async () => {
  const host = await open("203.0.113.0/24");
  for (const header of [speaksFor("203.0.113.7"), binary("203.0.113.7"), LOCAL]) {
    const answer = await heard(
      "127.0.0.1",
      Buffer.concat([Buffer.from(header), Buffer.from(get(host))]),
    );
    expect(status(answer)).toBe("HTTP/1.1 400");
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  }
  expect(status(await heard("127.0.0.1", get(host)))).toBe("HTTP/1.1 403");
});

describe("places among the connections", () => {
  /** Of 1,024, the fewest a gate has, one network has half. */
  const perNetworkMax = 512;

  test("are given back by connections that were refused, or left without a header", async () => {
    const host = await open("203.0.113.0/24");
    for (let i = 0; i <= perNetworkMax; i++) {
      const socket = net.connect({ port: gate.port, host: "127.0.0.1", localAddress: BALANCER });
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.on("error", () => {}).resume();
      if (i % 2 === 0) socket.write("GET ");
      else socket.end("PROXY ");
      await within(closed, "the gate closes the connection", 10_000);
    }
    expect(status(await heard(BALANCER, speaksFor("203.0.113.7"), get(host)))).toBe("HTTP/1.1 200");
  });

  test("are counted for the client that the header names", async () => {
    const crowded = await startProxy(
      bench.options({ plainEdge: "wire", proxyProtocol: [`${BALANCER}/32`], exchangesMax: 1 }),
      bench.registry,
    );
    const sockets: net.Socket[] = [];
    const connect = (client: string) => {
      const at = { port: crowded.port, host: "127.0.0.1", localAddress: BALANCER };
      const socket = net.connect(at);
      sockets.push(socket);
      socket.on("error", () => {}).write(`${speaksFor(client)}GET / HTTP/1.1\r\nHost: x\r\n\r\n`);
      return new Promise<string>((resolve) => {
        socket.on("data", (data) => resolve(status(data.toString("latin1"))));
        socket.on("close", () => resolve("closed"));
      });
    };
    try {
      const first = Array.from({ length: perNetworkMax }, () => connect("203.0.113.7"));
      const answers = await within(Promise.all(first), "all are answered", 20_000);
      expect(new Set(answers)).toEqual(new Set(["HTTP/1.1 404"]));
      const lost = within(
        Promise.race(
          sockets.map((socket) => new Promise((resolve) => socket.on("close", resolve))),
        ),
        "an idle connection of that client makes room",
        10_000,
      );
      expect(await within(connect("203.0.113.7"), "it is answered", 10_000)).toBe("HTTP/1.1 404");
      await lost;
      const open = () => sockets.filter((socket) => !socket.closed).length;
      const before = open();
      expect(await within(connect("203.0.113.8"), "it is answered", 10_000)).toBe("HTTP/1.1 404");
      expect(open()).toBe(before + 1);
    } finally {
      for (const socket of sockets) socket.destroy();
      await crowded.stop(true);
    }
  });
});

test("a stop does not wait for a header", async () => {
  const other = await startProxy(
    bench.options({ plainEdge: "wire", proxyProtocol: ["127.0.0.0/8"] }),
    bench.registry,
  );
  const socket = net.connect(other.port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("connect", resolve));
  socket.write("PROXY ");
  await Bun.sleep(20);
  await within(other.stop(), "it stops", 10_000);
  await within(closed, "the connection ends", 10_000);
});

test("the edge serve refuses the setting", async () => {
  const options = bench.options({ plainEdge: "serve", proxyProtocol: ["10.0.0.0/8"] });
  await expect(startProxy(options, bench.registry)).rejects.toThrow("needs the edge wire");
});

const haproxy = Bun.which("haproxy");
if (haproxy === null) console.warn("SKIPPED: no haproxy here; its PROXY headers are not tested");

describe.skipIf(haproxy === null)("HAProxy", () => {
  test.each(["send-proxy", "send-proxy-v2"])("%s", async (option) => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-haproxy-"));
    const port = freePort();
    writeFileSync(
      join(folder, "haproxy.cfg"),
      `defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen gate
  bind 127.0.0.1:${port}
  server gate 127.0.0.1:${gate.port} source ${BALANCER} ${option}
`,
    );
    const child = Bun.spawn([haproxy ?? "", "-db", "-f", join(folder, "haproxy.cfg")], {
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      const ask = async (range: string) => {
        const host = await open(range);
        return fetch(`http://127.0.0.1:${port}/`, { headers: { host }, proxy: false });
      };
      await until(() => accepts(port), "HAProxy listens");
      const answer = await ask("127.0.0.1/32");
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('"x-forwarded-for":"127.0.0.1"');
      expect((await ask(`${BALANCER}/32`)).status).toBe(403);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
