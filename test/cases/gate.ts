// A gate in front of a witness: what the upstream saw is part of every case.
import { afterAll, expect } from "bun:test";
import {
  type Placed,
  type Placement,
  type TestBench,
  testBench,
} from "../../src/proxy/test-bench.ts";
import { answerTo, request } from "./wire.ts";
import { type Answering, startWitness, type Witness } from "./witness.ts";

export interface Scene {
  readonly host: string;
  readonly placed: Placed;
  readonly witness: Witness;
}

export interface CaseBench extends TestBench {
  /** A container whose terminal is a witness of its own, until the test file ends. */
  scene(placement?: Placement, answering?: Answering): Promise<Scene>;
}

/** Starts a bench for the test file that calls it, and stops it when that file is done. */
export async function caseBench(): Promise<CaseBench> {
  const bench = await testBench();
  const witnesses: Witness[] = [];
  afterAll(() => {
    for (const witness of witnesses) witness.stop();
  });
  return {
    ...bench,
    async scene(placement = {}, answering) {
      const witness = await startWitness(answering);
      witnesses.push(witness);
      const programs = { ...placement.programs, terminal: witness.port };
      const placed = await bench.place({ ...placement, programs });
      return { host: placed.host("terminal-1"), placed, witness };
    },
  };
}

let controls = 0;

/**
 * Nothing reached the upstream: no request, no byte, no connection. A request that may pass is sent after, so that whatever
 * was on its way is there by now; the container is open from then on.
 */
export async function untouched({ placed, host, witness }: Scene, port: number): Promise<void> {
  const line = `GET /control-${++controls} HTTP/1.1`;
  await placed.change({ programs: { terminal: witness.port } });
  expect((await answerTo(port, request(host, line)))?.status).toBe(200);
  expect(witness.requests.map((each) => each.line)).toEqual([line]);
  expect(witness.connections).toBe(1);
  expect(witness.bytes).toBe(witness.requests[0]?.bytes ?? 0);
}

/** The machine code of a refusal of ours; null for any other answer. */
export function codeOf(body: string): string | null {
  return /"code":"(\w+)"/.exec(body)?.[1] ?? null;
}
