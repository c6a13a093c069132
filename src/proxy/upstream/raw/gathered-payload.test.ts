import { expect, test } from "bun:test";
import fc from "fast-check";
import { BodyDecoder, BodyStep } from "../../../http1/body-decoder.ts";
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import { Method } from "../../../http1/method.ts";
import { RESPONSE_ERRORS } from "../../../http1/parse-error.ts";
import { ResponseParser } from "../../../http1/response-parser.ts";
import { Step } from "../../../http1/section-parser.ts";
import { gatherPayload } from "./gathered-payload.ts";

function chunkedBody(): BodyDecoder {
  const parser = new ResponseParser(DEFAULT_LIMITS);
  parser.expect(Method.GET, false);
  const head = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  expect(parser.push(head, 0)).toBe(Step.head);
  const body = new BodyDecoder(RESPONSE_ERRORS, DEFAULT_LIMITS);
  body.start(parser.head);
  return body;
}

/** The payload of each read, and the last step. */
function gathered(wire: Buffer, readBytes: readonly number[]): { reads: string[]; step: BodyStep } {
  const body = chunkedBody();
  const reads: string[] = [];
  let step: BodyStep = BodyStep.more;
  for (let at = 0, i = 0; at < wire.length && step === BodyStep.more; i++) {
    const bytes = readBytes[i] ?? wire.length;
    const chunk = Uint8Array.from(wire.subarray(at, at + bytes));
    step = gatherPayload(body, chunk, 0);
    reads.push(Buffer.from(chunk.subarray(body.dataStart, body.dataEnd)).toString("latin1"));
    at += bytes;
  }
  return { reads, step };
}

test("the payload of any chunks, read in any pieces, is that of the body", () => {
  const chunk = fc.oneof(
    fc.string({ minLength: 1, maxLength: 3, unit: "binary-ascii" }),
    fc.string({ minLength: 1, maxLength: 100, unit: "binary-ascii" }),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 20 }), cuts, (chunks, readBytes) => {
      const lines = chunks.map((text) => `${text.length.toString(16)};x=y\r\n${text}\r\n`);
      const wire = Buffer.from(`${lines.join("")}0\r\n\r\n`, "latin1");
      const { reads, step } = gathered(wire, readBytes);
      expect(reads.join("")).toBe(chunks.join(""));
      expect(step).toBe(BodyStep.end);
    }),
  );
});

test("chunks of one byte are one piece", () => {
  const { reads } = gathered(Buffer.from("1\r\nx\r\n".repeat(10_000)), []);
  expect(reads).toEqual(["x".repeat(10_000)]);
});

test("what came before an error is there", () => {
  const { reads, step } = gathered(Buffer.from("1\r\na\r\n2\r\nbc\r\nno"), []);
  expect(reads).toEqual(["abc"]);
  expect(step).toBe(BodyStep.error);
});
