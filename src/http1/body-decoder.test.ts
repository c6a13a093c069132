import { describe, expect, test } from "bun:test";
import { BodyDecoder, BodyStep } from "./body-decoder.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Framing, MessageHead } from "./message-head.ts";
import { REQUEST_ERRORS } from "./parse-error.ts";
import { readRequests } from "./transcript.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Of the first body: its payload, or the code of what is wrong with it. */
function chunked(body: string, limits: Limits = DEFAULT_LIMITS): string | undefined {
  const bytes = bytesOf(HEAD + body);
  const event = readRequests([[bytes, 0, bytes.length]], limits)[1];
  if (event?.kind === "error") return event.code;
  return event?.kind === "body" ? `"${event.bytes}"` : event?.kind;
}

function started(framing: Framing, contentLength = -1): BodyDecoder {
  const head = new MessageHead();
  head.framing = framing;
  head.contentLength = contentLength;
  const body = new BodyDecoder(REQUEST_ERRORS, DEFAULT_LIMITS);
  body.start(head);
  return body;
}

describe("chunks", () => {
  test.each([
    ["0\r\n\r\n", '""'],
    ["5\r\nhello\r\n0\r\n\r\n", '"hello"'],
    ["1\r\na\r\n1\r\nb\r\n00\r\n\r\n", '"ab"'],
    ["A\r\n0123456789\r\n0\r\n\r\n", '"0123456789"'],
    ["000000000000000a\r\n0123456789\r\n0\r\n\r\n", '"0123456789"'],
    ["2\r\n\r\n\r\n0\r\n\r\n", '"\r\n"'],
    ["7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", '"0\r\n\r\nGE"'],
    ['1;a;b=c;d="e f\\"";g\r\nx\r\n0;z="\t\xe9"\r\n\r\n', '"x"'],
  ])("%j have the payload %j", (body, payload) => {
    expect(chunked(body + NEXT)).toBe(payload);
  });

  test.each([
    ["0x3\r\nabc\r\n0\r\n\r\n", "bad-chunk-size"],
    ["-1\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["+1\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["1_0\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["1 \r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    [" 1\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["\t1\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["1 ;a\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    [";a\r\nx\r\n0\r\n\r\n", "bad-chunk-size"],
    ["g\r\n", "bad-chunk-size"],
    ["1,1\r\na\r\n0\r\n\r\n", "bad-chunk-size"],
    ["00000000000000001\r\na\r\n0\r\n\r\n", "chunk-too-large"],
    ["ffffffffffffffff\r\na\r\n", "chunk-too-large"],
    ["20000000000000\r\na\r\n", "chunk-too-large"],
    ["100000003\r\nabc\r\n0\r\n\r\n", "chunk-too-large"],
    ["80000000\r\na", "chunk-too-large"],
    ["7fffffff\r\na", "truncated"],
    ["1\nx\r\n0\r\n\r\n", "bare-lf"],
    ["1\rx\r\n0\r\n\r\n", "bare-cr"],
    ["1\r\nx\n0\r\n\r\n", "bare-lf"],
    ["1\r\nx\r0\r\n\r\n", "bare-cr"],
    ["1\r\nxy\r\n0\r\n\r\n", "bad-chunk-end"],
    ["1\r\nx0\r\n\r\n", "bad-chunk-end"],
    ["2\r\nx\r\n0\r\n\r\n", "bare-lf"],
    ["1;\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["1;a\nx\r\n0\r\n\r\n", "bare-lf"],
    ["1;a\rx\r\n0\r\n\r\n", "bare-cr"],
    ["1; a\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["1;a =b\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["1;a=\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["1;=b\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["1;;a\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ['1;a="b\r\n"\r\nx\r\n0\r\n\r\n', "bad-chunk-extension"],
    ['1;a="b\\\r\n"\r\nx\r\n0\r\n\r\n', "bad-chunk-extension"],
    ['1;a="b"c\r\nx\r\n0\r\n\r\n', "bad-chunk-extension"],
    ["1;a=b\0\r\nx\r\n0\r\n\r\n", "bad-chunk-extension"],
    ["0\r\n\n", "bare-lf"],
    ["0\n\n", "bare-lf"],
    ["0\r\n\rX", "bare-cr"],
    ["0\r\nX\r\n\r\n", "no-colon"],
    ["0\r\n X: y\r\n\r\n", "obs-fold"],
    ["0\r\nX : y\r\n\r\n", "space-before-colon"],
    ["0\r\nX: y\r\n z\r\n\r\n", "obs-fold"],
    ["0\r\nX: \0\r\n\r\n", "control-byte"],
    ["0\r\nContent-Length: 3\r\n\r\n", "framing-in-trailers"],
    ["0\r\nTransfer-Encoding: chunked\r\n\r\n", "framing-in-trailers"],
    ["5\r\nhel", "truncated"],
    ["0\r\n\r", "truncated"],
    ["0", "truncated"],
    ["", "truncated"],
  ])("%j are an error", (body, code) => {
    expect(chunked(body)).toBe(code);
  });

  test("have limits on extensions over all chunks, and on trailers", () => {
    const limits = {
      ...DEFAULT_LIMITS,
      chunkExtensionBytesMax: 8,
      trailerBytesMax: 12,
      lineCountMax: 4,
    };
    expect(chunked("1;abc\r\nx\r\n0;abc\r\n\r\n", limits)).toBe('"x"');
    expect(chunked("1;abc\r\nx\r\n0;abcd\r\n\r\n", limits)).toBe("chunk-extensions-too-large");
    expect(chunked(`${"1;\r\n"}`, { ...limits, chunkExtensionBytesMax: 0 })).toBe(
      "chunk-extensions-too-large",
    );
    expect(chunked("0\r\nX: 123456\r\n\r\n", limits)).toBe("trailers-too-large");
    expect(chunked("0\r\nX: 12345\r\n\r\n", limits)).toBe('""');
    expect(chunked(`0\r\n${"X:\r\n".repeat(5)}\r\n`, { ...limits, trailerBytesMax: 99 })).toBe(
      "too-many-lines",
    );
  });
});

test.each([
  ["1;a\r\nx\r\n0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"],
  ['1;a;b=c;d="e f\\"";g\r\nx\r\n1\r\ny\r\n0;z="\t"\r\n\r\n', "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"],
  ["0;a\r\nX: y\r\n\r\n", "0\r\nX: y\r\n\r\n"],
])("raw bytes of %j have no chunk extensions", (body, raw) => {
  const bytes = bytesOf(HEAD + body + NEXT);
  const [, event, next] = readRequests([[bytes, 0, bytes.length]], DEFAULT_LIMITS, "raw");
  expect(event).toMatchObject({ kind: "body", bytes: raw });
  expect(next).toMatchObject({ head: { target: "/next" } });
});

test("raw bytes before a bad chunk extension are correct, and end with the size", () => {
  const body = started(Framing.chunked);
  const chunk = bytesOf("1\r\nx\r\n2;a=\n");
  expect([body.pass(chunk), body.rawEnd, body.error?.code]).toEqual([BodyStep.error, 7, "bare-lf"]);
});

describe("trailers", () => {
  test("are told apart from those that may not be trailers, and raw bytes carry only the former", () => {
    const bytes = bytesOf(
      `${HEAD}1\r\nx\r\n0\r\nGrpc-Status: 0\r\nHost: evil\r\nx-forwarded-for: 1\r\nSet-Cookie: a\r\nX-Sum:1\r\n\r\n${NEXT}`,
    );
    const [, payload] = readRequests([[bytes, 0, bytes.length]], DEFAULT_LIMITS);
    expect(payload).toEqual({
      kind: "body",
      bytes: "x",
      trailers: [
        ["Grpc-Status", "0"],
        ["Host", "evil"],
        ["x-forwarded-for", "1"],
        ["Set-Cookie", "a"],
        ["X-Sum", "1"],
      ],
      dropped: ["Host", "x-forwarded-for", "Set-Cookie"],
    });
    const [, raw, next] = readRequests([[bytes, 0, bytes.length]], DEFAULT_LIMITS, "raw");
    expect(raw).toMatchObject({ bytes: "1\r\nx\r\n0\r\nGrpc-Status: 0\r\nX-Sum:1\r\n\r\n" });
    expect(next).toMatchObject({ head: { target: "/next" } });
  });
});

test("a body without trailers has none of the body before", () => {
  const bytes = bytesOf(`${HEAD}0\r\nX: y\r\n\r\n${HEAD}0\r\n\r\n${HEAD}0\r\nZ: z\r\n\r\n`);
  const events = readRequests([[bytes, 0, bytes.length]], DEFAULT_LIMITS);
  expect(events.flatMap((event) => (event.kind === "body" ? [event.trailers] : []))).toEqual([
    [["X", "y"]],
    [],
    [["Z", "z"]],
  ]);
});

describe("ranges", () => {
  test("of payload lie in the chunk, one piece at a time, and the end is exact", () => {
    const body = started(Framing.chunked);
    const chunk = bytesOf("xx3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET");
    const told: string[] = [];
    let at = 2;
    let step = body.read(chunk, at);
    while (step === BodyStep.data) {
      told.push(chunk.toString("latin1", body.dataStart, body.dataEnd));
      at = body.consumed;
      step = body.read(chunk, at);
    }
    expect([told, step, body.payloadBytes, body.isEnded]).toEqual([
      ["abc", "de"],
      BodyStep.end,
      5,
      true,
    ]);
    expect(chunk.toString("latin1", body.consumed)).toBe("GET");
  });

  test("of raw bytes stop before trailers; the empty line is in them where nothing else is", () => {
    const whole = started(Framing.chunked);
    const chunk = bytesOf("1\r\na\r\n0\r\n\r\nGET");
    expect(whole.pass(chunk)).toBe(BodyStep.end);
    expect([whole.rawEnd, whole.rawIsClosed, whole.consumed, whole.payloadBytes]).toEqual([
      11,
      true,
      11,
      1,
    ]);

    const trailing = started(Framing.chunked);
    expect(trailing.pass(bytesOf("1\r\na\r\n0\r\nX: y\r\n\r\n"))).toBe(BodyStep.end);
    expect([trailing.rawEnd, trailing.rawIsClosed]).toEqual([9, false]);

    const split = started(Framing.chunked);
    expect(split.pass(bytesOf("0\r\n\r"))).toBe(BodyStep.more);
    expect(split.rawEnd).toBe(3);
    expect(split.pass(bytesOf("\nG"))).toBe(BodyStep.end);
    expect([split.rawEnd, split.rawIsClosed, split.consumed]).toEqual([0, false, 1]);
  });

  test("of a body by length end with it, and nothing behind it is touched", () => {
    const body = started(Framing.length, 5);
    expect(body.read(bytesOf("abc"))).toBe(BodyStep.data);
    expect(body.read(bytesOf("abc"), 3)).toBe(BodyStep.more);
    expect(body.finish()?.code).toBe("truncated");

    const other = started(Framing.length, 5);
    expect(other.pass(bytesOf("abc"))).toBe(BodyStep.more);
    expect(other.pass(bytesOf("deGET"))).toBe(BodyStep.end);
    expect([other.rawEnd, other.consumed, other.rawIsClosed, other.finish()]).toEqual([
      2,
      2,
      true,
      null,
    ]);
  });

  test("of no body are empty, and it has ended before it began", () => {
    for (const framing of [Framing.none, Framing.tunnel]) {
      const body = started(framing);
      expect(body.read(bytesOf("GET"))).toBe(BodyStep.end);
      expect([body.consumed, body.isEnded, body.finish()]).toEqual([0, true, null]);
    }
  });

  test("until close are all that comes", () => {
    const body = started(Framing.untilClose);
    expect(body.read(bytesOf("GET"))).toBe(BodyStep.data);
    expect(body.read(bytesOf("GET"), 3)).toBe(BodyStep.more);
    expect(body.isEnded).toBe(false);
    expect([body.finish(), body.isEnded, body.payloadBytes]).toEqual([null, true, 3]);
  });

  test("an error stays, and the body does not count as ended", () => {
    const body = started(Framing.chunked);
    expect(body.read(bytesOf("z"))).toBe(BodyStep.error);
    expect(body.read(bytesOf("0\r\n\r\n"))).toBe(BodyStep.error);
    expect([body.isEnded, body.finish()?.code]).toEqual([false, "bad-chunk-size"]);
  });
});
