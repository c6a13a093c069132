/**
 * What reading HTTP/1.1 costs: `bun load/http1.bench.ts`, about ten seconds. Each line is the best of several rounds, in
 * ns a message, in one warm process on one core, beside a reader that makes strings and objects the usual way (and checks
 * less). "copied" is the head written anew with four lines dropped and a suffix added, which a proxy does.
 */
import { BodyDecoder, BodyStep } from "../src/http1/body-decoder.ts";
import { HeadWriter } from "../src/http1/head-writer.ts";
import { Known } from "../src/http1/known-header.ts";
import { DEFAULT_LIMITS } from "../src/http1/limits.ts";
import { Method } from "../src/http1/method.ts";
import { REQUEST_ERRORS } from "../src/http1/parse-error.ts";
import { RequestParser } from "../src/http1/request-parser.ts";
import { ResponseParser } from "../src/http1/response-parser.ts";
import { Step } from "../src/http1/section-parser.ts";

const ROUND_MS = 8;
const ROUNDS = 100;

const minimal = "GET / HTTP/1.1\r\nHost: 8080-0.example.test\r\n\r\n";
const browser = [
  "GET /assets/app.js?v=1234567 HTTP/1.1",
  "Host: 8080-0.example.test",
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"',
  "sec-ch-ua-mobile: ?0",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  "Accept: */*",
  "Sec-Fetch-Site: same-origin",
  "Sec-Fetch-Mode: no-cors",
  "Referer: https://8080-0.example.test/",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9",
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
  "",
  "",
].join("\r\n");
const json = JSON.stringify({ name: "x".repeat(900), list: [1, 2, 3] });
const post = `POST /api/items HTTP/1.1\r\nHost: 8080-0.example.test\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`;
const chunked = `POST /up HTTP/1.1\r\nHost: 8080-0.example.test\r\nTransfer-Encoding: chunked\r\n\r\n${`400\r\n${"c".repeat(1024)}\r\n`.repeat(10)}0\r\n\r\n`;
const answer =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 128\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n\r\n";

const parser = new RequestParser(DEFAULT_LIMITS);
const responses = new ResponseParser(DEFAULT_LIMITS);
const body = new BodyDecoder(REQUEST_ERRORS, DEFAULT_LIMITS);
const writer = new HeadWriter(DEFAULT_LIMITS.headBytesMax * 2);
const suffix = Buffer.from(
  "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Request-Id: ",
);

/** Something must be done with the results, or they are not computed. */
let sum = 0;

function head(bytes: Uint8Array): void {
  if (parser.push(bytes) !== Step.head) throw new Error(parser.error?.code);
  sum += parser.consumed + parser.head.count;
}

function message(bytes: Uint8Array): void {
  head(bytes);
  body.start(parser.head);
  let at = parser.consumed;
  let step = body.read(bytes, at);
  while (step === BodyStep.data) {
    sum += body.dataEnd - body.dataStart;
    at = body.consumed;
    step = body.read(bytes, at);
  }
  if (step !== BodyStep.end) throw new Error("not whole");
}

function copied(bytes: Uint8Array): void {
  head(bytes);
  const received = parser.head;
  for (let line = 0; line < received.count; line++) {
    const known = received.known(line);
    if (known === Known.connection || known === Known["user-agent"]) received.drop(line);
  }
  writer.begin().span(received.bytes, received.start, received.linesStart);
  writer.keptLines(received).bytes(suffix).integer(1234567).crlf().crlf();
  sum += writer.finish()?.length ?? 0;
}

function response(bytes: Uint8Array): void {
  responses.expect(Method.GET, false);
  if (responses.push(bytes) !== Step.head) throw new Error(responses.error?.code);
  sum += responses.head.status;
}

/** The usual way: one string, split. */
function baseline(bytes: Buffer): void {
  const text = bytes.toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const [method = "", target = "", version = ""] = first.split(" ");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  sum += method.length + target.length + version.length + headers.size;
}

function measure(name: string, text: string, call: (bytes: Buffer) => void): void {
  // Fresh buffers in turn, as a socket hands them out.
  const inputs = Array.from({ length: 64 }, () => Buffer.from(text));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS) {
      for (const end = calls + 512; calls < end; calls++) call(inputs[calls & 63] as Buffer);
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1e6);
  }
  console.log(
    `${name.padEnd(44)} ${String(text.length).padStart(6)} B ${best.toFixed(0).padStart(7)} ns`,
  );
}

measure("minimal GET", minimal, head);
measure("  by strings", minimal, baseline);
measure("12 browser headers", browser, head);
measure("  by strings", browser, baseline);
measure("  copied", browser, copied);
measure("response, 3 lines", answer, response);
measure("  by strings", answer, baseline);
measure("JSON POST with its body", post, message);
measure("  by strings, head alone", post, baseline);
measure("10 chunks of 1 KiB", chunked, message);
if (sum === 0) throw new Error("nothing was read");
