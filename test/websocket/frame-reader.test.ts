import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader, type FrameViolation } from "../../src/websocket/frame-reader.ts";
import { encoded, type Frame } from "../harness/websocket-frames.ts";

const BYTES_MAX = 100_000;

type Event = readonly [kind: string, ...what: unknown[]];

/** Everything that a reader says about bytes that come in these pieces. */
function read(pieces: readonly Buffer[], bytesMax = BYTES_MAX): [Event[], FrameViolation | null] {
  const events: Event[] = [];
  const reader = new FrameReader(
    {
      text: (message) => events.push(["text", message]),
      binary: (message) => events.push(["binary", message.toString("hex")]),
      ping: (data) => events.push(["ping", data.toString("hex")]),
      kept: () => {},
      fragment: () => {},
      pong: (data) => events.push(["pong", data.toString("hex")]),
      closed: (code, reason) => events.push(["closed", code, reason]),
    },
    bytesMax,
  );
  let violation: FrameViolation | null = null;
  for (const piece of pieces) {
    violation = reader.push(piece) ?? violation;
  }
  return [events, violation];
}

const text = (message: string, last = true): Frame => ({
  opcode: 1,
  payload: Buffer.from(message),
  last,
});
const more = (message: string, last: boolean): Frame => ({ ...text(message, last), opcode: 0 });
const control = (opcode: number, payload: Buffer): Frame => ({ opcode, payload });
const close = (code: number, reason: string | Buffer): Frame =>
  control(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

describe("messages", () => {
  const payload = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  const controls = fc.tuple(fc.constantFrom(9, 10), fc.uint8Array({ maxLength: 125 }));
  const message = fc.record({
    content: fc.oneof(
      payload,
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.integer({ min: 65_530, max: 65_540 }).map((length) => Buffer.alloc(length, 7)),
    ),
    cuts: fc.array(fc.nat(), { maxLength: 4 }),
    between: fc.array(controls, { maxLength: 3 }),
  });

  test("arrive in order, whole and of their kind, however they are cut into frames and chunks", () => {
    const conversation = fc.array(message, { maxLength: 8 });
    fc.assert(
      fc.property(conversation, fc.infiniteStream(fc.nat({ max: 300 })), (messages, sizes) => {
        const frames: Frame[] = [];
        const expected: Event[] = [];
        for (const { content, cuts, between } of messages) {
          const bytes = Buffer.from(content as Buffer);
          const ends = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
          let at = 0;
          for (const [index, end] of [...ends, bytes.length].entries()) {
            const kind = typeof content === "string" ? 1 : 2;
            const part = bytes.subarray(at, end);
            frames.push({
              opcode: index === 0 ? kind : 0,
              payload: part,
              last: index === ends.length,
            });
            at = end;
            if (index < ends.length) {
              for (const [opcode, data] of between) {
                frames.push(control(opcode, Buffer.from(data)));
                const what = Buffer.from(data).toString("hex");
                expected.push([opcode === 9 ? "ping" : "pong", what]);
              }
            }
          }
          const asText = ["text", String(content)] as const;
          expected.push(typeof content === "string" ? asText : ["binary", bytes.toString("hex")]);
        }
        const all = Buffer.concat(frames.map(encoded));
        const pieces: Buffer[] = [];
        for (let at = 0; at < all.length; ) {
          const size = all.length > 5_000 ? 4_000 : sizes.next().value;
          pieces.push(all.subarray(at, at + size));
          at += size;
        }
        expect(read(pieces)).toEqual([expected, null]);
      }),
      { numRuns: 400 },
    );
  });

  test("a character may be cut by a frame's border, and a byte order mark is kept", () => {
    const bytes = Buffer.from("\ufeffnaïve 👋");
    for (let cut = 0; cut <= bytes.length; cut++) {
      const first: Frame = { opcode: 1, payload: bytes.subarray(0, cut), last: false };
      const second: Frame = { opcode: 0, payload: bytes.subarray(cut) };
      const [events] = read([encoded(first), encoded(second)]);
      expect(events).toEqual([["text", "\ufeffnaïve 👋"]]);
    }
  });

  test("exactly the limit is read, one byte more is 1009 before it has come", () => {
    const full = { opcode: 2, payload: Buffer.alloc(BYTES_MAX) };
    expect(read([encoded(full)])[0]).toHaveLength(1);
    const announced = encoded({ opcode: 2, payload: Buffer.alloc(BYTES_MAX + 1) }).subarray(0, 10);
    expect(read([announced])).toEqual([[], { code: 1009, reason: "message too big" }]);
    const parts = [text("x".repeat(BYTES_MAX), false), more("x", true)];
    expect(read(parts.map(encoded))[1]?.code).toBe(1009);
    const endless = Buffer.from([0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect(read([endless])[1]?.code).toBe(1009);
  });
});

test.each<[string, readonly Frame[], Event]>([
  ["with a code and a reason", [close(4321, "bye")], ["closed", 4321, "bye"]],
  ["with a code", [close(1000, "")], ["closed", 1000, ""]],
  ["without a code", [control(8, Buffer.alloc(0))], ["closed", 1005, ""]],
  ["in the middle of a message", [text("a", false), close(1001, "x")], ["closed", 1001, "x"]],
  ["and nothing counts after it", [close(1000, ""), text("late")], ["closed", 1000, ""]],
])("a Close frame %s is told", (_, frames, event) => {
  expect(read(frames.map(encoded))).toEqual([[event], null]);
  expect(read([Buffer.concat(frames.map(encoded))])).toEqual([[event], null]);
});

test.each<[string, readonly Frame[], number]>([
  ["a mask", [{ ...text("a"), mask: [1, 2, 3, 4] }], 1002],
  ["RSV1", [{ ...text("a"), reserved: 0x40 }], 1002],
  ["RSV2", [{ ...text("a"), reserved: 0x20 }], 1002],
  ["RSV3 on a ping", [{ ...control(9, Buffer.alloc(0)), reserved: 0x10 }], 1002],
  ["opcode 3", [control(3, Buffer.from("a"))], 1002],
  ["opcode 7", [control(7, Buffer.from("a"))], 1002],
  ["opcode 11", [control(11, Buffer.from("a"))], 1002],
  ["opcode 15", [control(15, Buffer.from("a"))], 1002],
  ["a fragmented ping", [{ ...control(9, Buffer.from("a")), last: false }], 1002],
  ["a ping of 126 bytes", [control(9, Buffer.alloc(126))], 1002],
  ["a continuation of nothing", [more("a", true)], 1002],
  ["a message within a message", [text("a", false), text("b")], 1002],
  ["a close code of one byte", [control(8, Buffer.from([3]))], 1002],
  ["close code 999", [close(999, "")], 1002],
  ["close code 1004", [close(1004, "")], 1002],
  ["close code 1005", [close(1005, "")], 1002],
  ["close code 1006", [close(1006, "")], 1002],
  ["close code 1015", [close(1015, "")], 1002],
  ["close code 2999", [close(2999, "")], 1002],
  ["close code 5000", [close(5000, "")], 1002],
  ["a reason that is not UTF-8", [close(1000, Buffer.from([0xff]))], 1007],
  ["text that is not UTF-8", [{ opcode: 1, payload: Buffer.from([0xc3, 0x28]) }], 1007],
  ["text that ends within a character", [{ opcode: 1, payload: Buffer.from([0xc3]) }], 1007],
  ["a surrogate", [{ opcode: 1, payload: Buffer.from([0xed, 0xa0, 0x80]) }], 1007],
])("%s breaks the protocol, and what follows is not read", (_, frames, code) => {
  const all = [...frames, text("after")].map(encoded);
  for (const pieces of [
    all,
    [Buffer.concat(all)],
    [...Buffer.concat(all)].map((byte) => Buffer.from([byte])),
  ]) {
    const [events, violation] = read(pieces);
    expect<unknown>({ events, code: violation?.code }).toEqual({ events: [], code });
  }
});

test("a message of a million tiny fragments costs neither time nor memory of its own", () => {
  const part = encoded(more("x", false));
  const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => part));
  let length = 0;
  const nothing = () => {};
  const text = (message: string) => {
    length = message.length;
  };
  const reader = new FrameReader(
    {
      text,
      binary: nothing,
      fragment: nothing,
      kept: nothing,
      ping: nothing,
      pong: nothing,
      closed: nothing,
    },
    2_000_000,
  );
  reader.push(encoded({ opcode: 1, payload: Buffer.alloc(0), last: false }));
  for (let i = 0; i < 50; i++) {
    expect(reader.push(chunk)).toBe(null);
  }
  reader.push(encoded(more("", true)));
  expect(length).toBe(1_000_000);
});

test.each([
  ["another fragment", more("xyz", false), 8],
  ["the last fragment", more("xyz", true), 0],
  ["a violation", text("again"), 0],
  ["a Close frame", close(1000, ""), 0],
  ["a ping", control(9, Buffer.from("x")), 5],
])("bytes of half a message are counted as kept until %s", (_, next, left) => {
  let kept = 0;
  const nothing = () => {};
  const count = (bytes: number) => {
    kept += bytes;
  };
  const reader = new FrameReader(
    {
      text: nothing,
      binary: nothing,
      fragment: nothing,
      kept: count,
      ping: nothing,
      pong: nothing,
      closed: nothing,
    },
    BYTES_MAX,
  );
  const half = encoded(text("half.", false));
  reader.push(half.subarray(0, 4));
  expect(kept).toBe(2);
  reader.push(half.subarray(4));
  expect(kept).toBe(5);
  reader.push(encoded(next));
  expect(kept).toBe(left);
});

describe("a reader that passes long messages on in parts", () => {
  const PART = 65_536;

  /** What it hands over, by message; and the most that it kept at once. */
  function parts(pieces: readonly Buffer[], bytesMax = 10_000_000) {
    const messages: { isText: boolean; bytes: Buffer[]; isWhole: boolean }[] = [];
    let kept = 0;
    let keptMax = 0;
    const whole = (isText: boolean, bytes: Buffer) =>
      messages.push({ isText, bytes: [bytes], isWhole: true });
    const reader = new FrameReader(
      {
        text: (message) => whole(true, Buffer.from(message)),
        binary: (message) => whole(false, Buffer.from(message)),
        fragment: (part, { isText, isFirst, isLast }) => {
          if (isFirst) messages.push({ isText, bytes: [], isWhole: false });
          const message = messages.at(-1);
          message?.bytes.push(Buffer.from(part));
          if (isLast && message !== undefined) message.isWhole = true;
        },
        kept: (bytes) => {
          kept += bytes;
          keptMax = Math.max(keptMax, kept);
        },
        ping: () => {},
        pong: () => {},
        closed: () => {},
      },
      bytesMax,
    );
    reader.passesFragments = true;
    let violation: FrameViolation | null = null;
    for (const piece of pieces) violation = reader.push(Buffer.from(piece)) ?? violation;
    return { messages, kept, keptMax, violation };
  }

  test("gives them unchanged, keeps little, and cuts no character in two", () => {
    const content = fc.record({
      isText: fc.boolean(),
      text: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
      times: fc.integer({ min: 1, max: 20_000 }),
      cuts: fc.array(fc.nat(), { maxLength: 4 }),
    });
    const conversation = fc.array(content, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(conversation, fc.integer({ min: 1_000, max: 100_000 }), (messages, size) => {
        const frames: Buffer[] = [];
        for (const { isText, text, times, cuts } of messages) {
          const all = Buffer.from(text.repeat(times));
          const at = [0, ...cuts.map((cut) => cut % all.length).toSorted((a, b) => a - b)];
          for (const [k, start] of at.entries()) {
            const last = k === at.length - 1;
            const opcode = k > 0 ? 0 : isText ? 1 : 2;
            frames.push(encoded({ opcode, payload: all.subarray(start, at[k + 1]), last }));
          }
        }
        const bytes = Buffer.concat(frames);
        const pieces: Buffer[] = [];
        for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.subarray(i, i + size));
        const { messages: got, kept, keptMax, violation } = parts(pieces);
        expect(violation).toBe(null);
        expect(kept).toBe(0);
        expect(keptMax).toBeLessThanOrEqual(PART + size);
        expect(got.length).toBe(messages.length);
        for (const [k, { isText, bytes: own, isWhole }] of got.entries()) {
          const { text = "", times = 0, isText: wanted } = messages[k] ?? {};
          expect({ isText, isWhole }).toEqual({ isText: wanted === true, isWhole: true });
          expect(Buffer.concat(own).equals(Buffer.from(text.repeat(times)))).toBe(true);
          if (isText)
            expect(own.every((part) => part.equals(Buffer.from(part.toString())))).toBe(true);
          expect(own.slice(0, -1).every(({ length }) => length >= PART - 3)).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  const long = Buffer.alloc(200_000, "x");
  const frame = (opcode: number, payload: Buffer, last: boolean) =>
    encoded({ opcode, payload, last });

  test.each([
    ["a byte that no character has", Buffer.from([0xff]), 1007],
    ["a character that is begun", Buffer.from([0xe2, 0x82]), 1007],
    ["a surrogate", Buffer.from([0xed, 0xa0, 0x80]), 1007],
    ["more than a message may have", Buffer.alloc(100_001, "x"), 1009],
  ])("refuses a text that ends with %s", (_, end, code) => {
    const { messages, violation } = parts([frame(1, long, false), frame(0, end, true)], 300_000);
    expect(violation?.code).toBe(code as 1007);
    expect(messages.map(({ isWhole }) => isWhole)).toEqual([false]);
  });

  test("refuses bytes that are no character in the middle of a text, between parts too", () => {
    for (const bad of [Buffer.from([0xff]), Buffer.from([0xe2, 0x82]), Buffer.from([0x80])]) {
      const { violation } = parts([
        frame(1, Buffer.concat([long, bad]), false),
        frame(0, long, true),
      ]);
      expect(violation?.code).toBe(1007);
    }
  });
});

test("a reader that is abandoned keeps nothing, and sees the Close frame", () => {
  let kept = 0;
  let heard = 0;
  let code = 0;
  const hear = () => heard++;
  const reader = new FrameReader(
    {
      text: hear,
      binary: hear,
      fragment: hear,
      kept: (bytes) => {
        kept += bytes;
      },
      ping: () => {},
      pong: () => {},
      closed: (closing) => {
        code = closing;
      },
    },
    BYTES_MAX,
  );
  reader.push(encoded(text("half.", false)));
  expect(kept).toBe(5);
  reader.abandon();
  expect(kept).toBe(0);
  reader.push(encoded(more("the rest", true)));
  reader.push(encoded({ opcode: 2, payload: Buffer.alloc(90_000) }).subarray(0, 50_000));
  expect(kept).toBe(0);
  reader.push(encoded({ opcode: 2, payload: Buffer.alloc(90_000) }).subarray(50_000));
  reader.push(encoded(close(1000, "")));
  expect({ kept, heard, code }).toEqual({ kept: 0, heard: 0, code: 1000 });
});
