// Another certificate while we run: taken over without a request being lost, or refused and the old one kept.
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { certificate } from "../harness/certificate.ts";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import {
  H2Client,
  handshake,
  PairFiles,
  pairFor,
  servedSerial,
  WILDCARD,
} from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";

const bench = await testBench();
const HANDOVER_MS = 100;
const started: ProxyServer[] = [];
afterEach(async () => {
  for (const proxy of started.splice(0)) {
    await proxy.stop(true);
  }
});

async function startWith(files: PairFiles, handoverMs = HANDOVER_MS): Promise<ProxyServer> {
  const options = bench.options({ tls: files.options({ handoverMs }) });
  const proxy = await startProxy(options, bench.registry);
  started.push(proxy);
  return proxy;
}

const portOf = (proxy: ProxyServer) => proxy.tls?.port ?? 0;

const reloads = async (proxy: ProxyServer, result: string) =>
  Number(
    new RegExp(`^realmgate_tls_reloads_total\\{result="${result}"\\} (\\d+)`, "m").exec(
      await proxy.metrics.text(),
    )?.[1],
  );

const open = { own: { groups: { all: LOCAL }, permissions: { all: { terminal: true } } } };

describe("a change of the files is noticed", () => {
  test("when they are replaced by renaming", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    const before = await servedSerial(portOf(proxy));
    files.write(pairFor());
    await until(
      async () => (await servedSerial(portOf(proxy))) !== before,
      "a new certificate is served",
    );
    expect(await reloads(proxy, "done")).toBe(1);
    expect(await reloads(proxy, "refused")).toBe(0);
  });

  test("when they are links by way of a folder that is a link, and that one is swapped", async () => {
    const files = new PairFiles();
    const generation = (name: string) => {
      mkdirSync(join(files.folder, name));
      const { cert, key } = pairFor();
      writeFileSync(join(files.folder, name, "tls.crt"), cert);
      writeFileSync(join(files.folder, name, "tls.key"), key);
      symlinkSync(name, join(files.folder, "..data_tmp"));
      renameSync(join(files.folder, "..data_tmp"), join(files.folder, "..data"));
    };
    generation("..1");
    symlinkSync("..data/tls.crt", files.certPath);
    symlinkSync("..data/tls.key", files.keyPath);
    const proxy = await startWith(files);
    const before = await servedSerial(portOf(proxy));
    generation("..2");
    await until(
      async () => (await servedSerial(portOf(proxy))) !== before,
      "a new certificate is served",
    );
  });

  test("when somebody says so, and nothing happens when they are the same", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    await proxy.reloadTls();
    expect(await reloads(proxy, "done")).toBe(0);
    const before = await servedSerial(portOf(proxy));
    files.write(pairFor());
    await proxy.reloadTls();
    expect(await servedSerial(portOf(proxy))).not.toBe(before);
    expect(await reloads(proxy, "done")).toBe(1);
  });
});

describe("a pair that is not good is refused, once and loudly, and the old one stays", () => {
  const good = pairFor();
  const other = pairFor();
  const ended = certificate({ names: [WILDCARD], notAfterMs: Date.now() - 1_000 });

  test.each([
    ["another key", { cert: good.cert, key: other.key }, "does not belong"],
    ["half a certificate", { cert: good.cert.slice(0, 200), key: good.key }, "PEM"],
    ["nothing", { cert: "", key: "" }, "PEM"],
    ["a certificate that has ended", ended, "valid no more"],
    ["a certificate without names", certificate({ names: [] }), "names no host"],
  ])("%s", async (_why, pair, problem) => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    const before = await servedSerial(portOf(proxy));
    const from = bench.logged.length;
    files.write(pair);
    await proxy.reloadTls();
    await proxy.reloadTls();
    expect(await servedSerial(portOf(proxy))).toBe(before);
    expect([await reloads(proxy, "done"), await reloads(proxy, "refused")]).toEqual([0, 1]);
    const lines = bench.logged.slice(from).filter(({ level }) => level === "error");
    expect(lines.map(({ message }) => message)).toEqual([
      "certificate: the new one is refused, the old one stays",
    ]);
    expect(JSON.stringify(lines[0]?.fields)).toContain(problem);
    expect(JSON.stringify(lines)).not.toContain(pair.key.slice(40, 80) || "nothing");

    // What comes next is taken all the same.
    files.write(pairFor());
    await proxy.reloadTls();
    expect(await servedSerial(portOf(proxy))).not.toBe(before);
  });

  test("files that are gone", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    const before = await servedSerial(portOf(proxy));
    rmSync(files.folder, { recursive: true });
    await proxy.reloadTls();
    expect(await servedSerial(portOf(proxy))).toBe(before);
    expect(await reloads(proxy, "refused")).toBe(1);
  });
});

describe("what goes on under the old certificate", () => {
  test("ends its connection with its next answer", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files, 60_000);
    const { host } = await bench.place(open);
    const socket = await handshake({ port: portOf(proxy) });
    const request = `GET / HTTP/1.1\r\nHost: ${host("terminal")}\r\n\r\n`;
    let text = "";
    socket.on("data", (data) => {
      text += data;
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(request);
    await until(() => text.includes("HTTP/1.1 200"), "an answer comes");
    expect(text.toLowerCase()).not.toContain("connection: close");
    text = "";
    files.write(pairFor());
    void proxy.reloadTls();
    socket.write(request);
    await closed;
    expect(text).toStartWith("HTTP/1.1 200");
    expect(text.toLowerCase()).toContain("connection: close");
  });

  test("is a long stream that goes on, over HTTP/1.1 and over HTTP/2", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    const says: (() => void)[] = [];
    const port = await bench.listen((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegun\n");
        says.push(() => socket.end("and done\n"));
      });
    });
    const { host } = await bench.place({ ...open, programs: { terminal: port } });
    const socket = await handshake({ port: portOf(proxy) });
    socket.write(`GET / HTTP/1.1\r\nHost: ${host("terminal")}\r\n\r\n`);
    let one = "";
    socket.on("data", (data) => {
      one += data;
    });
    const h2 = new H2Client(portOf(proxy));
    const stream = h2.stream({ ":authority": host("terminal") });
    let two = "";
    stream.on("data", (data) => {
      two += data;
    });
    await until(() => one.includes("begun") && two.includes("begun"), "both answers begin");
    files.write(pairFor());
    await proxy.reloadTls();
    for (const say of says) say();
    await until(
      () => one.includes("and done") && two.includes("and done"),
      "both answers end well",
    );
    h2.close();
  });

  test("is told over HTTP/2 that it ends, and a new connection takes over", async () => {
    const files = new PairFiles();
    files.write(pairFor());
    const proxy = await startWith(files);
    const { host } = await bench.place(open);
    const h2 = new H2Client(portOf(proxy));
    const goaway = new Promise<number>((resolve) => h2.session.once("goaway", resolve));
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
    files.write(pairFor());
    await proxy.reloadTls();
    expect(await goaway).toBe(0);
    const next = new H2Client(portOf(proxy));
    expect((await next.ask({ ":authority": host("terminal") })).status).toBe(200);
    next.close();
  });
});

test("20 changes in a row lose no request of clients that keep their connections", async () => {
  const files = new PairFiles();
  files.write(pairFor());
  const proxy = await startWith(files);
  const { host } = await bench.place(open);
  let over = false;
  let done = 0;
  const failed: string[] = [];
  const clients = Array.from({ length: 8 }, async () => {
    while (!over) {
      try {
        const response = await fetch(`https://127.0.0.1:${portOf(proxy)}/`, {
          // Never repeated by the runtime.
          method: "POST",
          headers: { host: host("terminal") },
          tls: { rejectUnauthorized: false },
        });
        await response.text();
        if (response.status !== 200) failed.push(String(response.status));
        done++;
      } catch (error) {
        failed.push(String(error));
      }
    }
  });
  const serials = new Set<string>();
  for (let n = 0; n < 20; n++) {
    files.write(pairFor());
    await proxy.reloadTls();
    serials.add(await servedSerial(portOf(proxy)));
  }
  over = true;
  await Promise.all(clients);
  expect(failed).toEqual([]);
  expect(serials.size).toBe(20);
  expect(done).toBeGreaterThan(100);
}, 30_000);

test("an address that another process has is not shared with it by accident", async () => {
  const taken = tls.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const files = new PairFiles();
  files.write(pairFor());
  const start = (at: number) =>
    startProxy(bench.options({ tls: files.options({ port: at }) }), bench.registry);
  await expect(start(port)).rejects.toThrow(/cannot listen on 127.0.0.1/);
  taken.close();

  const sharing = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: true,
    fetch: () => new Response(),
  });
  await expect(start(sharing.port ?? 0)).rejects.toThrow(/cannot listen on 127.0.0.1/);
  const freed = sharing.port ?? 0;
  await sharing.stop(true);
  const proxy = await start(freed);
  started.push(proxy);
  expect(proxy.tls?.port).toBe(freed);
});
