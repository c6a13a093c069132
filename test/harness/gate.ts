// A gate in front of a witness: what the upstream saw is part of every case.
import { afterAll, expect, setDefaultTimeout } from "bun:test";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import type { Placement } from "./change-registry.ts";
import { type Placed, type TestBench, testBench } from "./proxy-bench.ts";
import { answerTo, request } from "./wire.ts";
import { type Answering, startWitness, type Witness } from "./witness.ts";

export interface Scene {
  readonly host: string;
  readonly placed: Placed;
  readonly witness: Witness;
}

export interface CaseBench extends TestBench {
  /** Trusts nobody, and waits for a minute: no case fails because the machine is slow. */
  readonly proxy: ProxyServer;
  /** Waits for 400 ms. */
  readonly hasty: ProxyServer;
  /** A container whose terminal is a witness of its own, until the test file ends. */
  scene(placement?: Placement, answering?: Answering): Promise<Scene>;
}

/** Starts a bench for the test file that calls it, and stops it when that file is done. */
export async function caseBench(): Promise<CaseBench> {
  setDefaultTimeout(30_000);
  const bench = await testBench();
  const { registry } = bench;
  const proxy = await startProxy(bench.options({ responseHeaderMs: 60_000 }), registry);
  const witnesses: Witness[] = [];
  afterAll(async () => {
    await proxy.stop(true);
    for (const witness of witnesses) witness.stop();
  });

  const enforced = async () => expect(await proxy.reached(registry.revision, 10_000)).toBe(true);
  async function place(placement: Placement = {}): Promise<Placed> {
    const placed = await bench.place(placement);
    await enforced();
    return {
      ...placed,
      async change(next) {
        await placed.change(next);
        await enforced();
      },
    };
  }

  return {
    ...bench,
    proxy,
    hasty: bench.proxy,
    place,
    async scene(placement = {}, answering) {
      const witness = await startWitness(answering);
      witnesses.push(witness);
      const programs = { ...placement.programs, terminal: witness.port };
      const placed = await place({ ...placement, programs });
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
