import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type FeedWelcome, FeedWelcomeSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { writeNodeKeys } from "./node-keys.ts";
import { type NodeWelcomeOptions, nodeWelcome } from "./node-welcome.ts";

const secret = "hdn_1";
const keys = { domain: "d", keys: { revisions: new Uint8Array(32) } };
const urls = ["https://a:1", "https://b:1", "https://c:1"];
const [first, second, third] = ["https://a:1", "https://b:1", "https://c:1"] as const;

/** A source that asks one control plane after the other; `answers` names what each says. */
function start(answers: readonly (readonly [url: string, answer: string])[], isKept = false) {
  const keysPath = join(mkdtempSync(join(tmpdir(), "rg-welcome-")), "keys");
  if (isKept) writeNodeKeys(keysPath, secret, keys);
  const { promise: welcome, resolve } = Promise.withResolvers<FeedWelcome>();
  const problems = new Map<string, string>();
  const source = {
    welcome,
    problems,
    problem: null as string | null,
    connects: 0,
    clockOffsetMs: 0,
    start() {
      void (async () => {
        for (const [url, answer] of answers) {
          await Bun.sleep(250);
          source.connects++;
          if (answer === "welcome") resolve(create(FeedWelcomeSchema, { domain: url }));
          else {
            source.problem = answer;
            problems.set(url, answer);
          }
        }
      })();
    },
  };
  const options: NodeWelcomeOptions = { source, urls, keysPath, secret, waitMs: 2_000 };
  return nodeWelcome(options).then(
    ({ domain }) => domain,
    (error: unknown) => String(error),
  );
}

const silent = "nothing is heard";
const refuses = "not a node of this installation";

test.each([
  ["silent", silent],
  ["of another installation", refuses],
  ["not there", "connect ECONNREFUSED"],
  ["no feed", "is not a feed"],
])("a new proxy starts with its third control plane while two are %s", async (_what, answer) => {
  const asked = [
    [first, answer],
    [second, answer],
    [first, answer],
    [third, "welcome"],
  ] as const;
  expect(await start(asked)).toBe(third);
});

test("a new proxy gives up once each of its control planes has said no", async () => {
  const asked = [
    [first, silent],
    [second, refuses],
    [third, silent],
  ] as const;
  expect(await start(asked)).toContain(`lets this node in (${refuses})`);
});

test("a proxy that was let in before goes on while none answers, and not when one refuses it", async () => {
  expect(await start([[first, silent]], true)).toBe("d");
  const revoked = [
    [first, refuses],
    [second, silent],
    [third, silent],
  ] as const;
  expect(await start(revoked, true)).toContain(refuses);
});
