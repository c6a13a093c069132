import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SecretBox } from "../../admin/store/sealed.ts";
import { FrameChain } from "./sealed-frames.ts";
import { HEADER_BYTES, LENGTH_BYTES } from "./snapshot-codec.ts";

const box = new SecretBox(Buffer.alloc(32, 1), "snapshot");
const sealedBy = (chain: FrameChain, text: string) =>
  chain.seal(Buffer.from(text)).subarray(LENGTH_BYTES);

test("a frame that was written, cut off and written otherwise has no place before what followed", () => {
  const header = randomBytes(HEADER_BYTES);
  const chain = new FrameChain(box, header);
  const first = sealedBy(chain, "first");
  const { place } = chain;
  const abandoned = sealedBy(chain, "abandoned");
  chain.back(place);
  const second = sealedBy(chain, "second");
  const third = sealedBy(chain, "third");
  const read = (...frames: Buffer[]) => {
    const reader = new FrameChain(box, header);
    return frames.map((frame) => reader.open(frame)?.toString() ?? null);
  };
  expect(read(first, second, third)).toEqual(["first", "second", "third"]);
  expect(read(first, abandoned, third)).toEqual(["first", "abandoned", null]);
  expect(read(second)).toEqual([null]);
  expect(read(first, third)).toEqual(["first", null]);
  expect(new FrameChain(box, randomBytes(HEADER_BYTES)).open(first)).toBeNull();
});
