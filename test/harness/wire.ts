// Clients that send bytes as they are.
import net from "node:net";
import tls from "node:tls";
import { within } from "./until.ts";

export interface Answer {
  readonly status: number;
  /** Of equal names the last. Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection may be kept open on purpose for as long as the longest limit of a gate under test. */
const quietMsMax = 25_000;

/** A port on loopback, and what is spoken there. */
export type Where = number | { readonly tlsPort: number };

/** A connection; with TLS, HTTP/1.1 is what is agreed on. */
export function dial(where: Where, host = "127.0.0.1"): net.Socket {
  if (typeof where === "number") return net.connect({ port: where, host, allowHalfOpen: true });
  const options = { port: where.tlsPort, host, allowHalfOpen: true, rejectUnauthorized: false };
  return tls.connect({ ...options, ALPNProtocols: ["http/1.1"] });
}

/** Everything that comes back until the other side ends the connection. */
export function untilClosed(where: Where, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket = dial(where);
  socket.write(bytes, "latin1");
  socket.on("end", () => socket.end());
  socket.on("data", (data) => {
    received += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve(received));
  return within(
    promise,
    `the connection ends after ${JSON.stringify(bytes.slice(0, 80))}`,
    quietMsMax,
  );
}

/** One connection on which answers are awaited one by one. */
export class Wire {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  #received = "";
  #ended = false;
  #wake: () => void = () => {};

  constructor(where: Where, host = "127.0.0.1") {
    this.socket = dial(where, host);
    this.socket.on("end", () => this.socket.end());
    this.socket.on("data", (data) => {
      this.#received += data.toString("latin1");
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** What came and was not taken. */
  get received(): string {
    return this.#received;
  }

  send(bytes: string): this {
    this.socket.write(bytes, "latin1");
    return this;
  }

  /** The next whole answer; null when the connection ends before. */
  async answer(): Promise<Answer | null> {
    for (;;) {
      const taken = takeAnswer(this.#received);
      if (taken !== null) {
        this.#received = taken.rest;
        return taken.answer;
      }
      if (this.#ended) return null;
      await this.#more("a whole answer");
    }
  }

  /** The next whole answer that is not interim (1xx), and the interim ones before it. */
  async finalAnswer(): Promise<{ answer: Answer | null; interim: Answer[] }> {
    const interim: Answer[] = [];
    for (;;) {
      const answer = await this.answer();
      if (answer === null || answer.status >= 200) return { answer, interim };
      interim.push(answer);
    }
  }

  /** Resolves once this text has come; false when the connection ends before. */
  async saw(text: string): Promise<boolean> {
    while (!this.#received.includes(text)) {
      if (this.#ended) return false;
      await this.#more(text);
    }
    return true;
  }

  /** Resolves when more has come, or the connection has ended. */
  #more(what: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return within(promise, `${what}, after ${JSON.stringify(this.#received)}`, quietMsMax);
  }

  end(): void {
    this.socket.destroy();
  }
}

/** The answer to one request on a connection of its own; null: the connection ended without one. */
export async function answerTo(port: number, bytes: string): Promise<Answer | null> {
  const wire = new Wire(port).send(bytes);
  const answer = await wire.answer();
  wire.end();
  return answer;
}

/** All whole answers in the text. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; ; ) {
    const taken = takeAnswer(rest);
    if (taken === null) return answers;
    answers.push(taken.answer);
    rest = taken.rest;
  }
}

function takeAnswer(text: string): { answer: Answer; rest: string } | null {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((each): [string, string] => {
      const colon = each.indexOf(":");
      return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
    }),
  );
  const status = Number(line.split(" ")[1]);
  const start = end + 4;
  if (headers.get("transfer-encoding") === "chunked") {
    const chunked = unchunked(text.slice(start));
    if (chunked === null) return null;
    const { body, length } = chunked;
    return { answer: { status, headers, body }, rest: text.slice(start + length) };
  }
  const isBodiless = status < 200 || status === 204 || status === 304;
  const length = isBodiless ? 0 : Number(headers.get("content-length") ?? 0);
  if (text.length < start + length) return null;
  const body = text.slice(start, start + length);
  return { answer: { status, headers, body }, rest: text.slice(start + length) };
}

function unchunked(text: string): { body: string; length: number } | null {
  let body = "";
  for (let at = 0; ; ) {
    const line = text.indexOf("\r\n", at);
    if (line === -1) return null;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (text.length < line + 2 + size + 2) return null;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { body, length: at };
  }
}

/** A request with these lines between Host and the empty line. */
export function request(host: string, line = "GET / HTTP/1.1", ...lines: string[]): string {
  return `${[line, `Host: ${host}`, ...lines].join("\r\n")}\r\n\r\n`;
}
