// A program that answers in bytes as they are, and a client that reads what becomes of them.
import net from "node:net";
import { listenLocally } from "../harness/local-server.ts";

/** What the program does when it is asked for `/odd`; everything else gets `NEXT`. */
export interface OddAnswer {
  readonly bytes: string;
  /** Offsets at which the bytes are cut into packets. */
  readonly cuts: readonly number[];
  readonly end: "stays" | "ends" | "resets";
}

export interface OddProgram {
  readonly port: number;
  answer: OddAnswer;
  stop(): void;
}

/** The body of every answer that is not odd. */
export const NEXT = "the next answer";
const NEXT_ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${NEXT.length}\r\n\r\n${NEXT}`;

export async function startOddProgram(): Promise<OddProgram> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    let held = "";
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (data) => {
      held += data.toString("latin1");
      for (let end = held.indexOf("\r\n\r\n"); end !== -1; end = held.indexOf("\r\n\r\n")) {
        const isOdd = / \/odd /.test(held.slice(0, end));
        held = held.slice(end + 4);
        if (isOdd) void sendOdd(socket, program.answer);
        else socket.write(NEXT_ANSWER);
      }
    });
  });
  const program: OddProgram = {
    port: await listenLocally(server),
    answer: { bytes: NEXT_ANSWER, cuts: [], end: "stays" },
    stop() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
  return program;
}

async function sendOdd(socket: net.Socket, { bytes, cuts, end }: OddAnswer): Promise<void> {
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    socket.write(bytes.slice(from, cut), "latin1");
    from = cut;
    if (from < bytes.length) await Bun.sleep(1);
  }
  if (end === "ends") socket.end();
  else if (end === "resets") setTimeout(() => socket.resetAndDestroy(), 2);
}

/** What the client got. */
export interface Received {
  /** Final ones. */
  readonly status: number;
  /** Lines of the head that the program sent, names in lower case, sorted; lines of one name joined. */
  readonly lines: readonly string[];
  readonly body: string;
  /** The response is whole. */
  readonly isWhole: boolean;
  /** What the next request on the same connection of the client got, or one on a new connection where this one ended. */
  readonly next: string;
}

/** Sends `method /odd`, and when its response is whole `GET /next`. */
export async function receivedFrom(port: number, host: string, method: string): Promise<Received> {
  const client = new Client(port);
  client.send(`${method} /odd HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const odd = await client.response(method === "HEAD");
  const again = odd.isWhole && !client.isEnded && !odd.closes ? client : new Client(port);
  if (again !== client) client.close();
  again.send(`GET /next HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { body } = await again.response(false);
  again.close();
  const { status, lines, isWhole } = odd;
  return { status, lines, body: odd.body, isWhole, next: body };
}

/** Lines that the gate writes itself, or that say how the body comes. */
const NOT_COMPARED =
  /^(?:date|connection|keep-alive|transfer-encoding|content-length|trailer|x-realmgate-request-id):/;

/** Nothing comes for so long: nothing will. */
const QUIET_MS = 10_000;

interface Response {
  readonly status: number;
  readonly lines: readonly string[];
  readonly body: string;
  readonly isWhole: boolean;
  readonly closes: boolean;
}

/** Reads strictly by RFC 9112 §6.3, with regular expressions: nothing of it is the gate's own. */
class Client {
  readonly #socket: net.Socket;
  #text = "";
  #wake = () => {};
  isEnded = false;
  isReset = false;

  constructor(port: number) {
    this.#socket = net.connect(port, "127.0.0.1");
    this.#socket.on("data", (data) => {
      this.#text += data.toString("latin1");
      this.#wake();
    });
    this.#socket.on("error", () => {
      this.isReset = true;
    });
    this.#socket.on("close", () => {
      this.isEnded = true;
      this.#wake();
    });
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  close(): void {
    this.#socket.destroy();
  }

  async response(isHead: boolean): Promise<Response> {
    for (;;) {
      const head = await this.#until(
        /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n:]+:[^\r\n]*\r\n)*)\r\n/,
      );
      if (head === null) return { status: 0, lines: [], body: "", isWhole: false, closes: true };
      const status = Number(head[1]);
      if (status >= 200) return this.#body(status, head[2] ?? "", isHead);
    }
  }

  async #body(status: number, text: string, isHead: boolean): Promise<Response> {
    const fields = new Map<string, string>();
    for (const line of text.split("\r\n").slice(0, -1)) {
      const [, name = "", value = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
      const before = fields.get(name.toLowerCase());
      fields.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
    }
    const lines = [...fields]
      .map(([name, value]) => `${name}: ${value}`.trim())
      .filter((line) => !NOT_COMPARED.test(line))
      .toSorted();
    const closes = fields.get("connection")?.toLowerCase() === "close";
    const told = { status, lines, closes };
    if (isHead || status === 204 || status === 304) return { ...told, body: "", isWhole: true };
    const length = fields.get("content-length");
    if (fields.get("transfer-encoding") === "chunked") {
      return { ...told, ...(await this.#chunks()) };
    }
    const wanted = length === undefined ? null : Number(length);
    while (!this.isEnded && (wanted === null || this.#text.length < wanted)) {
      if (!(await this.#more())) break;
    }
    const body = this.#text.slice(0, wanted ?? this.#text.length);
    this.#text = this.#text.slice(body.length);
    const isWhole = wanted === null ? this.isEnded && !this.isReset : body.length === wanted;
    return { ...told, body, isWhole };
  }

  async #chunks(): Promise<{ body: string; isWhole: boolean }> {
    let body = "";
    for (;;) {
      const line = await this.#until(/^([0-9A-Fa-f]+)\r\n/);
      if (line === null) return { body, isWhole: false };
      const size = Number.parseInt(line[1] ?? "", 16);
      if (size === 0) {
        const isWhole = (await this.#until(/^(?:[^\r\n:]+:[^\r\n]*\r\n)*\r\n/)) !== null;
        return { body, isWhole };
      }
      while (this.#text.length < size && (await this.#more())) {
        // It goes on.
      }
      body += this.#text.slice(0, size);
      if (this.#text.length < size) return { body, isWhole: false };
      this.#text = this.#text.slice(size);
      if ((await this.#until(/^\r\n/)) === null) return { body, isWhole: false };
    }
  }

  async #until(pattern: RegExp): Promise<RegExpExecArray | null> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found[0].length);
        return found;
      }
      if (!(await this.#more())) return null;
    }
  }

  /** False: nothing more comes. */
  async #more(): Promise<boolean> {
    if (this.isEnded) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), QUIET_MS);
    this.#wake = () => resolve(true);
    const hasMore = await promise;
    clearTimeout(timer);
    return hasMore;
  }
}
