/**
 * The parser behind the runtime's node:http (llhttp) as an oracle, in this process and without sockets. It is more lenient
 * in places and stricter in three: it knows a closed list of methods, takes ASCII targets only, and has a form of target
 * for each method.
 */
import { createRequire } from "node:module";
import { Method } from "../../src/http1/method.ts";

export interface Message {
  readonly startLine: string;
  /** Names and values in turn. */
  readonly lines: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

type HeadersComplete = (
  major: number,
  minor: number,
  lines: string[] | undefined,
  method: number | undefined,
  target: string | undefined,
  status: number | undefined,
  reason: string | undefined,
) => number;

interface Parser {
  initialize(type: number, owner: object, headBytesMax: number, lenient: number): void;
  execute(bytes: Uint8Array): unknown;
  finish(): unknown;
  [callback: number]: unknown;
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser } = createRequire(import.meta.url)("_http_common") as {
  HTTPParser: ParserClass;
};
const { allMethods } = (
  process as unknown as { binding(name: string): { allMethods: readonly string[] } }
).binding("http_parser");

const HEAD_BYTES_MAX = 65_536;

/** The messages that llhttp takes to be whole. */
export function llhttpMessages(
  side: "request" | "response",
  bytes: Uint8Array,
  asked: readonly { readonly method: Method }[],
): Message[] {
  const messages: Message[] = [];
  const parser = new HTTPParser();
  let startLine: string | null = null;
  let lines: string[] = [];
  let later: string[] = [];
  let laterTarget = "";
  let body = "";
  let answered = 0;
  parser.initialize(
    side === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE,
    {},
    HEAD_BYTES_MAX,
    0,
  );
  parser[HTTPParser.kOnHeaders] = (some: string[], target: string) => {
    later.push(...some);
    laterTarget += target;
  };
  const headersComplete: HeadersComplete = (major, minor, all, method, target, status, reason) => {
    lines = all ?? later;
    later = [];
    body = "";
    startLine =
      side === "request"
        ? `${allMethods[method ?? -1]} ${target ?? laterTarget} HTTP/${major}.${minor}`
        : `HTTP/${major}.${minor} ${status} ${reason}`.trimEnd();
    return side === "response" && asked[answered]?.method === Method.HEAD ? 1 : 0;
  };
  parser[HTTPParser.kOnHeadersComplete] = headersComplete;
  parser[HTTPParser.kOnBody] = (piece: Uint8Array) => {
    body += Buffer.from(piece).toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    messages.push({ startLine: startLine ?? "", lines, body, trailers: later });
    if (!/^HTTP\/1\.. 1/.test(startLine ?? "")) answered++;
    later = [];
    laterTarget = "";
    startLine = null;
  };
  parser.execute(Buffer.from(bytes));
  parser.finish();
  return messages;
}

/** Which of our messages llhttp does not see the same way; null when it sees them all. It may see more. */
export function unlike(ours: readonly Message[], theirs: readonly Message[]): string | null {
  for (const [index, message] of ours.entries()) {
    if (isOfOursAlone(message.startLine)) return null;
    if (!Bun.deepEquals(message, theirs[index])) {
      return `message ${index}: ours ${JSON.stringify(message)}, llhttp ${JSON.stringify(theirs[index])}`;
    }
  }
  return null;
}

/** Whether llhttp is known to refuse the start line where a proxy has to pass it on. */
function isOfOursAlone(startLine: string): boolean {
  const [method = "", target = ""] = startLine.split(" ");
  if (method.startsWith("HTTP/")) return false;
  return !allMethods.includes(method) || method === "CONNECT" || /[^\x21-\x7e]/.test(target);
}
