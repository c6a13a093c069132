// However the bytes of a connection are cut, the parsers make the same of them: messages, pipelines, errors.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Method } from "./method.ts";
import { type BodyForm, type Pieces, readRequests, readResponses } from "./transcript.ts";

/** Small, so that their borders are met. */
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  headBytesMax: 120,
  lineCountMax: 5,
  targetBytesMax: 30,
  trailerBytesMax: 40,
  chunkExtensionBytesMax: 10,
  interimCountMax: 2,
};

const line = fc.constantFrom(
  "Host: a\r\n",
  "A:\t b \t\r\n",
  "X-Long: 0123456789012345678901234567890123456789\r\n",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close, x-long\r\n",
  " folded\r\n",
  "A: b\n",
  "no colon\r\n",
);
const body = fc.constantFrom(
  "",
  "abc",
  "3\r\nabc\r\n0\r\n\r\n",
  "1;a=b\r\nx\r\n1\r\ny\r\n0\r\nX: y\r\nHost: z\r\n\r\n",
  "1;abcdefghij\r\nx\r\n0\r\n\r\n",
  "2\r\nx\r\n0\r\n\r\n",
);
const startOfRequest = fc.constantFrom(
  "GET / HTTP/1.1\r\n",
  "\r\nPOST http://a/?q HTTP/1.1\r\n",
  "PUT /0123456789012345678901234567890123456789 HTTP/1.1\r\n",
  "GET / HTTP/1.0\r\n",
  "GET / HTTP/1.2\r\n",
);
const startOfResponse = fc.constantFrom(
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 200\r\n",
  "HTTP/1.0 204 \r\n",
  "HTTP/1.1 103 Early\r\n",
  "HTTP/1.1 20 OK\r\n",
);
/** Mostly one Host, so that most requests are accepted. */
const lines = fc.tuple(
  fc.oneof({ weight: 5, arbitrary: fc.constant("Host: a\r\n") }, line),
  fc.array(line, { maxLength: 3 }),
);

function connection(start: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const message = fc
    .tuple(start, lines, body)
    .map(([first, [host, others], content]) => `${first}${host}${others.join("")}\r\n${content}`);
  return fc
    .array(message, { minLength: 1, maxLength: 3 })
    .map((messages) => Buffer.from(messages.join(""), "latin1"));
}

/** Pieces between the cuts; the bytes of each are overwritten once the next one is asked for. */
function* cut(bytes: Uint8Array, cuts: readonly number[]): Pieces {
  const borders = [...new Set([...cuts.map((at) => at % (bytes.length + 1)), bytes.length])];
  let start = 0;
  for (const end of borders.sort((a, b) => a - b)) {
    const piece = new Uint8Array(bytes.subarray(start, end));
    yield [piece, 0, piece.length];
    piece.fill(0x0a);
    start = end;
  }
}

const cuts = fc.array(fc.nat(1_000), { maxLength: 6 });
const forms = fc.constantFrom<BodyForm>("payload", "raw");
const everywhere = Array.from({ length: 1_000 }, (_, index) => index);

test("requests", () => {
  fc.assert(
    fc.property(connection(startOfRequest), cuts, forms, (bytes, at, form) => {
      const whole = readRequests(cut(bytes, []), LIMITS, form);
      expect(readRequests(cut(bytes, at), LIMITS, form)).toEqual(whole);
      expect(readRequests(cut(bytes, everywhere), LIMITS, form)).toEqual(whole);
    }),
    { numRuns: 1_500 },
  );
});

test("responses", () => {
  const asked = fc.array(
    fc.record({ method: fc.constantFrom(Method.GET, Method.HEAD, Method.CONNECT) }),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(connection(startOfResponse), asked, cuts, forms, (bytes, requests, at, form) => {
      const whole = readResponses(cut(bytes, []), LIMITS, requests, form);
      expect(readResponses(cut(bytes, at), LIMITS, requests, form)).toEqual(whole);
      expect(readResponses(cut(bytes, everywhere), LIMITS, requests, form)).toEqual(whole);
    }),
    { numRuns: 1_500 },
  );
});

test("the inputs of these properties reach messages that are whole as well as errors", () => {
  const kinds = fc
    .sample(connection(startOfRequest), { numRuns: 500, seed: 1 })
    .flatMap((bytes) => readRequests(cut(bytes, []), LIMITS))
    .map((event) => (event.kind === "error" ? event.code : event.kind));
  for (const kind of [
    "head",
    "body",
    "bare-lf",
    "target-too-long",
    "head-too-large",
    "truncated",
  ]) {
    expect(kinds.filter((found) => found === kind).length).toBeGreaterThan(5);
  }
});
