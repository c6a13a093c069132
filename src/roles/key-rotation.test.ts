import { expect, test } from "bun:test";
import { until } from "../../test/harness/until.ts";
import { KeyRing } from "../admin/store/key-ring.ts";
import type { Log } from "../log.ts";
import { KeyRotation } from "./key-rotation.ts";

const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer];

function rotation(answers: readonly boolean[]) {
  const said: string[] = [];
  const note = (_: object, text: string) => void said.push(text);
  const log = { info: note, warn: note, error: note } as unknown as Log;
  const ring = new KeyRing([next, old]);
  const left = [...answers];
  let asked = 0;
  const resealSnapshot = async () => {
    asked++;
    return left.shift() ?? false;
  };
  const made = new KeyRotation({ ring, ownFile: null, reseal: null, resealSnapshot, log });
  return { made, said, ring, asked: () => asked };
}

test("where rotate-key seals the values, the snapshot alone is sealed anew, again until it lies there", async () => {
  const { made, said, asked } = rotation([false, true]);
  made.changed();
  expect(made.isRunning).toBe(true);
  await until(() => !made.isRunning, "the snapshot is sealed");
  expect([asked(), said]).toEqual([2, ["the saved snapshot is sealed with the first secret key"]]);
  await made.stop();
});

test("a snapshot that cannot be sealed anew does not keep the gate from stopping", async () => {
  const { made, said, asked } = rotation([]);
  made.changed();
  await until(() => asked() > 0, "it tries");
  await made.stop();
  expect([made.isRunning, said]).toEqual([false, []]);
  made.changed();
  expect(made.isRunning).toBe(false);
});
