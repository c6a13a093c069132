/**
 * Fuzzes src/http1: `bun run fuzz -- --seconds 60`, or `--count 10000`, with `--seed N` to do it again. Inputs are
 * mutations of the corpus in test/fuzz/corpus/http1 (`*.request`, `*.response`), checked by `brokenPromise`. An input that
 * breaks a promise is made smaller, written into the corpus folder as `found-<digest>`, and ends the run with status 1.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Glob } from "bun";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { brokenPromise, type Side } from "./http1-invariants.ts";
import { mutated } from "./mutation.ts";

const CORPUS = join(import.meta.dir, "corpus/http1");

export interface Entry {
  readonly name: string;
  readonly side: Side;
  readonly bytes: Uint8Array;
}

export interface Found {
  readonly side: Side;
  readonly bytes: Uint8Array;
  readonly why: string;
}

/** All kept inputs, sorted by name. */
export async function corpus(): Promise<Entry[]> {
  const names = [...new Glob("*.{request,response}").scanSync({ cwd: CORPUS })].sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      side: name.endsWith(".request") ? ("request" as const) : ("response" as const),
      bytes: await Bun.file(join(CORPUS, name)).bytes(),
    })),
  );
}

/** Tries mutations while `goesOn` says so, each side in turn; the first that breaks a promise, or null. */
export function fuzz(
  entries: readonly Entry[],
  random: Random,
  goesOn: (tried: number) => boolean,
): Found | null {
  const seeds = (side: Side) =>
    entries.filter((entry) => entry.side === side).map(({ bytes }) => bytes);
  const sides = [
    { side: "request" as const, all: seeds("request") },
    { side: "response" as const, all: seeds("response") },
  ];
  for (let tried = 0; goesOn(tried); tried++) {
    for (const { side, all } of sides) {
      const bytes = mutated(all, random);
      const why = brokenPromise(side, bytes, random);
      if (why !== null) return { side, bytes, why };
    }
  }
  return null;
}

/** Leaves out what is not needed for a promise to be broken. */
function smaller({ side, bytes, why }: Found): Found {
  let best: Found = { side, bytes, why };
  for (let size = bytes.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= best.bytes.length; ) {
      const less = Buffer.concat([best.bytes.subarray(0, at), best.bytes.subarray(at + size)]);
      const still = brokenPromise(side, less, randomFrom(1));
      if (still === null) at += size;
      else best = { side, bytes: less, why: still };
    }
  }
  return best;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((argument) => argument !== "--"),
    options: {
      seconds: { type: "string", default: "60" },
      count: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  });
  const until = performance.now() + Number(values.seconds) * 1000;
  let tried = 0;
  const found = fuzz(await corpus(), randomFrom(Number(values.seed)), (count) => {
    tried = count;
    return values.count === undefined ? performance.now() < until : count < Number(values.count);
  });
  console.log(`${2 * tried} inputs, seed ${values.seed}`);
  if (found !== null) {
    const { side, bytes, why } = smaller(found);
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 12);
    const file = join(CORPUS, `found-${digest}.${side}`);
    await Bun.write(file, bytes);
    console.error(`${file}\n${JSON.stringify(Buffer.from(bytes).toString("latin1"))}\n${why}`);
    process.exit(1);
  }
}
