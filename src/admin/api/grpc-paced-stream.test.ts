import { expect, test } from "bun:test";
import { Duplex } from "node:stream";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { until } from "../../../test/harness/until.ts";
import { pacedStream, STREAM_QUESTIONS_MAX } from "./grpc-paced-stream.ts";

/** A stream of as many questions as are wanted. Of the answers the client takes all, or those that a test takes for it. */
function place(takesAll: boolean) {
  let handled = 0;
  const untaken: (() => void)[] = [];
  const stream = new Duplex({
    objectMode: true,
    read() {
      this.push("question");
    },
    write(_answer, _encoding, taken: () => void) {
      if (takesAll) setImmediate(taken);
      else untaken.push(taken);
    },
  });
  const errors: Error[] = [];
  stream.on("error", (error) => errors.push(error));
  pacedStream<string, string>((questions) => {
    questions.on("data", () => {
      handled++;
      questions.write("answer");
    });
  })(stream as unknown as ServerDuplexStream<string, string>);
  return { handled: () => handled, untaken, errors };
}

test("a client that takes no answers has one question answered, and one more for each that it takes", async () => {
  const { handled, untaken } = place(false);
  await until(() => untaken.length === 1, "the first answer waits");
  await Bun.sleep(10);
  expect(handled()).toBe(1);
  for (const answers of [2, 3, 4]) {
    untaken.shift()?.();
    await until(() => untaken.length === 1, "the next answer waits");
    expect(handled()).toBe(answers);
  }
});

test("a stream has an end of its questions", async () => {
  const { handled, errors } = place(true);
  await until(() => errors.length > 0, "the stream is refused");
  expect(errors).toMatchObject([{ code: 8 }]);
  await Bun.sleep(10);
  expect(handled()).toBe(STREAM_QUESTIONS_MAX + 1);
});
