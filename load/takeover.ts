// Requests that are lost while the certificate changes, and while one process takes over from another: `bun run load:takeover`.
//   ROUNDS=20 CLIENTS=6 bun load/takeover.ts
import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { certificate } from "../test/harness/certificate.ts";
import { loginAdmin, makePlace } from "../test/harness/client.ts";
import { type Program, startProgram, startUpstream } from "../test/harness/program.ts";

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const CLIENTS = Number(process.env.CLIENTS ?? 6);

/** What one kind of client met. */
class Tally {
  done = 0;
  readonly failed = new Map<string, number>();

  async count(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.done++;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const what = code ?? message;
      this.failed.set(what, (this.failed.get(what) ?? 0) + 1);
    }
  }

  get line(): string {
    const failed = [...this.failed].map(([what, count]) => `${count} ${what}`);
    return `${this.done} done, failed: ${failed.length === 0 ? "0" : failed.join(", ")}`;
  }
}

interface Target {
  readonly port: number;
  readonly host: string;
  readonly secure: boolean;
}

/** A connection for each request: whoever is in the queue of a listener that closes is lost. */
function onOwnConnection({ port, host, secure }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tls.connect({ host: "127.0.0.1", port, servername: host, rejectUnauthorized: false })
      : net.connect(port, "127.0.0.1");
    let text = "";
    socket.on(secure ? "secureConnect" : "connect", () =>
      socket.write(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      ),
    );
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", reject);
    socket.on("close", () =>
      /^HTTP\/1\.1 (200|503) /.test(text)
        ? resolve()
        : reject(new Error(text === "" ? "closed without an answer" : text.slice(0, 40))),
    );
  });
}

/** POST, which nothing repeats, on connections that are kept. */
async function onKeptConnection({ port, host, secure }: Target): Promise<void> {
  const response = await fetch(`${secure ? "https" : "http"}://127.0.0.1:${port}/`, {
    method: "POST",
    headers: { host },
    tls: { rejectUnauthorized: false },
  });
  await response.text();
  if (response.status !== 200 && response.status !== 503) throw new Error(String(response.status));
}

/** The client's own word that the stream came after GOAWAY: it was not processed and is repeated (RFC 9113 §6.8). */
const AFTER_GOAWAY = "ERR_HTTP2_GOAWAY_SESSION";

/** One HTTP/2 connection as long as it is good. */
class H2 {
  readonly #target: Target;
  #session: http2.ClientHttp2Session | null = null;

  constructor(target: Target) {
    this.#target = target;
  }

  async ask(): Promise<void> {
    try {
      await this.#once();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== AFTER_GOAWAY) throw error;
      this.#session = null;
      await this.#once();
    }
  }

  #once(): Promise<void> {
    const session = this.#connected();
    return new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/",
        ":authority": this.#target.host,
      });
      let status = 0;
      stream.on("response", (headers) => {
        status = Number(headers[":status"]);
      });
      stream.resume();
      stream.on("error", reject);
      stream.on("close", () =>
        status === 200 ? resolve() : reject(new Error(`status ${status}`)),
      );
      stream.end();
    });
  }

  #connected(): http2.ClientHttp2Session {
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      const session = http2.connect(`https://127.0.0.1:${this.#target.port}`, {
        rejectUnauthorized: false,
      });
      session.on("error", () => {});
      session.on("goaway", () => {
        if (this.#session === session) this.#session = null;
      });
      this.#session = session;
    }
    return this.#session;
  }

  close(): void {
    this.#session?.destroy();
  }
}

async function underLoad(target: Target, work: () => Promise<void>): Promise<void> {
  const kinds = new Map<string, Tally>([
    ["kept connections", new Tally()],
    ["a connection each", new Tally()],
  ]);
  if (target.secure) kinds.set("HTTP/2", new Tally());
  let over = false;
  const clients = [...kinds].flatMap(([kind, tally]) =>
    Array.from({ length: CLIENTS }, async () => {
      const h2 = new H2(target);
      while (!over) {
        await tally.count(() =>
          kind === "HTTP/2"
            ? h2.ask()
            : kind === "kept connections"
              ? onKeptConnection(target)
              : onOwnConnection(target),
        );
      }
      h2.close();
    }),
  );
  await work();
  over = true;
  await Promise.all(clients);
  for (const [kind, { line }] of kinds) console.log(`  ${kind}: ${line}`);
}

const portOf = (url: string | undefined) => Number(new URL(url ?? "").port);
const place = async (program: Program, port: number) =>
  (await makePlace(await loginAdmin(program.urls), program.urls, port)).host("terminal-1");

async function reloads(upstreamPort: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-load-"));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const write = () => {
    const pair = certificate({ names: ["*.local.containers.localhost"] });
    for (const [path, text] of [
      [keyFile, pair.key],
      [certFile, pair.cert],
    ] as const) {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    }
  };
  write();
  await using program = await startProgram({
    environment: {
      REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
      REALMGATE_TLS_CERT: certFile,
      REALMGATE_TLS_KEY: keyFile,
    },
  });
  const host = await place(program, upstreamPort);
  const port = portOf(program.urls.proxyTls);
  const reloaded = async () =>
    Number(
      /realmgate_tls_reloads_total\{result="done"\} (\d+)/.exec(
        await (await fetch(`${program.urls.ops}/metrics`)).text(),
      )?.[1],
    );
  console.log(`${ROUNDS} changes of the certificate`);
  await underLoad({ port, host, secure: true }, async () => {
    for (let n = 1; n <= ROUNDS; n++) {
      write();
      program.signal("SIGHUP");
      while ((await reloaded()) < n) await Bun.sleep(50);
    }
    // The last handover.
    await Bun.sleep(6_000);
  });
}

async function takeovers(upstreamPort: number): Promise<void> {
  const environment = { REALMGATE_PROXY_REUSE_PORT: "1" };
  let current = await startProgram({ environment });
  const address = new URL(current.urls.proxy).host;
  const host = await place(current, upstreamPort);
  console.log(`${ROUNDS} times another process takes over`);
  await underLoad({ port: portOf(current.urls.proxy), host, secure: false }, async () => {
    for (let n = 0; n < ROUNDS; n++) {
      const next = await startProgram({
        environment: { ...environment, REALMGATE_PROXY_LISTEN: address },
      });
      current.signal("SIGTERM");
      await current.exited;
      await current[Symbol.asyncDispose]();
      current = next;
    }
  });
  await current[Symbol.asyncDispose]();
}

const upstream = await startUpstream();
await reloads(upstream.port);
await takeovers(upstream.port);
await upstream[Symbol.asyncDispose]();
