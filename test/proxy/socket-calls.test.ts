import { expect, test } from "bun:test";
import {
  BunServeEdge,
  type BunServeEdgeOptions,
} from "../../src/proxy/edge/bun-serve/bun-serve-edge.ts";
import { certificate } from "../harness/certificate.ts";

test("where the system lets nobody call its sockets, one line of the log says so, for TLS alone", async () => {
  const said: string[] = [];
  const note = (_fields: object, message: string) => said.push(message);
  const options: BunServeEdgeOptions = {
    pipeline: {} as never,
    upstream: {} as never,
    parent: "local.containers.localhost",
    idleS: 30,
    hstsMaxAgeS: null,
    isShared: () => false,
    arrivals: {} as never,
    log: { error: note, warn: note, info: note },
  };
  const edge = new BunServeEdge(options, null);
  const pair = { ...certificate({ names: ["*.local.containers.localhost"] }), notAfterMs: 0 };
  const serving = (isSecure: boolean) => ({ pair: isSecure ? pair : null, leaving: false });
  await edge.open("127.0.0.1", serving(false) as never, 0, false).stop(true);
  expect(said).toEqual([]);
  for (let i = 0; i < 2; i++) {
    await edge.open("127.0.0.1", serving(true) as never, 0, false).stop(true);
  }
  expect(said).toEqual([expect.stringContaining("no calls on sockets here")]);
});
