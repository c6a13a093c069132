// What goes on against the gate in a soak: some clients of each kind at a time, each doing one thing after the other.
import http2 from "node:http2";
import net from "node:net";

export interface Target {
  readonly port: number;
  readonly tlsPort: number;
  /** Always open. */
  readonly steadyHost: string;
  /** Allowed and denied in turn. */
  readonly changingHost: string;
}

const CLIENTS_OF_EACH = 4;
const PAUSE_MS = 4;
const LONGEST_MS = 20_000;
const UPLOAD = "u".repeat(96 * 1024);
/** What a client may be answered where policies change or the upstream breaks. */
const refusals = new Set([401, 403]);
const failures = new Set([502, 503, 504]);
const randomBelow = (limit: number) => Math.floor(Math.random() * limit);

class Unexpected extends Error {}

type Kind = (target: Target) => Promise<void>;

async function answer(
  target: Target,
  path: string,
  init: RequestInit = {},
  host = target.steadyHost,
) {
  const response = await fetch(`http://127.0.0.1:${target.port}${path}`, {
    ...init,
    headers: { host },
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  return { status: response.status, text: await response.text() };
}

function expect(isExpected: boolean, what: string): void {
  if (!isExpected) throw new Unexpected(what);
}

const brokenPaths = ["/reset", "/half", "/garbage", "/extra"] as const;

/** Bytes of a request of which only the first are sent before the client vanishes. */
function requestBytes(host: string): string {
  const paths = ["/ok", "/late", "/large", "/upload"];
  const path = paths[randomBelow(paths.length)] ?? "/";
  if (path !== "/upload") return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${UPLOAD.length}\r\n\r\n${UPLOAD}`;
}

/** Vanishes by FIN or by RST: before, within or after the request, or within the answer. */
function vanishing({ port, steadyHost }: Target): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const bytes = requestBytes(steadyHost);
    const length = Math.random() < 0.3 ? bytes.length : randomBelow(bytes.length + 1);
    const go = () => (Math.random() < 0.5 ? socket.resetAndDestroy() : socket.destroy());
    socket.on("connect", () => {
      socket.write(bytes.slice(0, length));
      if (Math.random() < 0.5) setTimeout(go, randomBelow(40));
      else {
        socket.once("data", go);
        setTimeout(go, 400);
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}

function webSocket({ port, changingHost }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    // Bun's option, which the types of the DOM do not know.
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      headers: { host: changingHost },
    } as never);
    const messages = 1 + randomBelow(20);
    let came = 0;
    socket.onopen = () => socket.send("0");
    socket.onmessage = ({ data }) => {
      if (data !== String(came)) reject(new Unexpected("WebSocket: another message came back"));
      if (++came < messages) socket.send(String(came));
      else if (Math.random() < 0.5) socket.close();
      else (socket as unknown as { terminate(): void }).terminate();
    };
    // A refusal, which the changes of policy bring.
    socket.onerror = () => resolve();
    socket.onclose = () => resolve();
  });
}

/** Some streams on a connection, of which some are reset. */
function overHttp2({ tlsPort, steadyHost }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
    let left = 6;
    session.on("error", reject);
    const over = () => {
      if (--left > 0) return;
      session.destroy();
      resolve();
    };
    for (let n = 0; n < 6; n++) {
      const path = n % 2 === 0 ? "/large" : "/ok";
      const stream = session.request({ ":path": path, ":authority": steadyHost });
      stream.on("response", ({ ":status": status }) => {
        if (status !== 200) reject(new Unexpected(`HTTP/2: ${status}`));
        if (Math.random() < 0.3) stream.close(http2.constants.NGHTTP2_CANCEL);
      });
      stream.on("error", () => {});
      stream.on("close", over);
      stream.resume();
    }
  });
}

const kinds: Readonly<Record<string, Kind>> = {
  async request(target) {
    const { status, text } = await answer(target, "/ok");
    expect(status === 200 && text === "ok", `request: ${status}`);
  },
  async "large answer"(target) {
    const { status, text } = await answer(target, "/large");
    expect(status === 200 && text.length === 256 * 1024, `large answer: ${status}`);
  },
  async upload(target) {
    const { status, text } = await answer(target, "/upload", { method: "POST", body: UPLOAD });
    expect(
      status === 200 && text === String(UPLOAD.length),
      `upload: ${status} ${text.slice(0, 40)}`,
    );
  },
  async "changing policy"(target) {
    const { status } = await answer(target, "/ok", {}, target.changingHost);
    expect(status === 200 || refusals.has(status), `changing policy: ${status}`);
  },
  async "broken upstream"(target) {
    const path = brokenPaths[randomBelow(brokenPaths.length)] ?? "/reset";
    let status = 0;
    let text = "";
    try {
      ({ status, text } = await answer(target, path));
    } catch {
      // The answer had begun, so that only breaking the connection can say it.
      expect(path !== "/garbage" && path !== "/reset", `broken upstream ${path}: no answer`);
      return;
    }
    const isFine = path === "/extra" && status === 200 && text === "ok";
    expect(isFine || failures.has(status), `broken upstream ${path}: ${status}`);
  },
  "client that vanishes": vanishing,
  WebSocket: webSocket,
  "HTTP/2": overHttp2,
};

export class Traffic {
  /** By what it was. */
  readonly unexpected = new Map<string, number>();
  readonly #done = new Map(Object.keys(kinds).map((kind) => [kind, 0]));
  readonly #target: Target;
  #running: Promise<void>[] = [];
  #isOver = false;

  constructor(target: Target) {
    this.#target = target;
  }

  start(): void {
    for (const [name, kind] of Object.entries(kinds)) {
      for (let n = 0; n < CLIENTS_OF_EACH; n++) this.#running.push(this.#client(name, kind));
    }
  }

  /** Resolves when all that was begun is over. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    this.#running = [];
  }

  get line(): string {
    return [...this.#done].map(([kind, count]) => `${count} ${kind}`).join(", ");
  }

  /** Kinds of which none came to its end as it should. */
  get unused(): string[] {
    return [...this.#done].filter(([, count]) => count === 0).map(([kind]) => kind);
  }

  async #client(name: string, kind: Kind): Promise<void> {
    while (!this.#isOver) {
      try {
        await kind(this.#target);
        this.#done.set(name, (this.#done.get(name) ?? 0) + 1);
      } catch (error) {
        const what = error instanceof Unexpected ? error.message : `${name}: ${error}`;
        this.unexpected.set(what, (this.unexpected.get(what) ?? 0) + 1);
      }
      await Bun.sleep(randomBelow(2 * PAUSE_MS));
    }
  }
}
