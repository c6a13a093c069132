// A verdict that a connection keeps is what would be decided afresh, whatever is asked for in between.
import { expect, test } from "bun:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import {
  ChangesSchema,
  ContainerStateSchema,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { type AuthorizationRequest, authorize } from "../../src/proxy/gate/authorize.ts";
import { UNKNOWN_ADDRESS } from "../../src/proxy/gate/client-address.ts";
import { RequestCredentials } from "../../src/proxy/gate/credentials.ts";
import { KeptVerdict } from "../../src/proxy/gate/kept-verdict.ts";
import { hostParser } from "../../src/proxy/routing/host.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { randomDocument } from "../arbitrary/document.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { randomRequest, spelled, trimmed } from "../arbitrary/request.ts";
import { documentContent } from "../harness/feed-changes.ts";
import type { DocumentJson, RequestFacts } from "../reference/decision.ts";

const containers = 60;
const requestsPerContainer = 60;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

const options = {
  serverName: "local",
  programPorts: { display: 4 },
  mayDial: () => true,
  log: { error: () => {}, warn: () => {}, info: () => {} },
};
const parseHost = hostParser("local", "example.test");
const project = "a".repeat(24);
const container = "c".repeat(24);

function changed(snapshot: Snapshot, document: DocumentJson, revision: bigint): Snapshot {
  const content = documentContent(document as unknown as JsonObject);
  return snapshot.apply(
    create(ChangesSchema, {
      revision,
      projects: [create(ProjectStateSchema, { id: project })],
      containers: [
        create(ContainerStateSchema, {
          id: container,
          projectId: project,
          serverName: "local",
          running: true,
          address: "10.0.0.1",
          programs: { terminal: { port: 3 }, files: { port: 5, stride: 1 }, sqlite: { port: 6 } },
          documentDigest: content.digest,
        }),
      ],
      documents: [content],
    }),
  );
}

/** One of the last requests, perhaps with something else about it; or a new one. */
function nextFacts(random: Random, asked: RequestFacts[], document: DocumentJson): RequestFacts {
  const other = trimmed(randomRequest(random, document));
  if (asked.length === 0 || random.chance(0.3)) return other;
  const again = random.pick(asked.slice(-2));
  return random.pick([
    again,
    again,
    { ...again, headers: other.headers },
    { ...again, cookies: other.cookies },
    { ...again, params: other.params },
    { ...again, address: other.address },
    { ...again, nowS: other.nowS + random.pick([0, 60, 3_600]) },
    { ...again, program: other.program, instance: other.instance },
    { ...again, headers: [...again.headers, ...again.headers] },
  ]);
}

test(`a kept verdict is the one that authorize gives (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  let hits = 0;
  for (let n = 0; n < containers; n++) {
    let document = randomDocument(random);
    let revision = 1n;
    let snapshot = changed(Snapshot.empty(options), document, revision);
    const kept = new KeptVerdict();
    const asked: RequestFacts[] = [];
    for (let i = 0; i < requestsPerContainer; i++) {
      if (random.chance(0.05)) {
        document = randomDocument(random);
        snapshot = changed(snapshot, document, ++revision);
      }
      if (random.chance(0.02)) kept.forget();
      const facts = nextFacts(random, asked, document);
      asked.push(facts);
      const host = parseHost(
        `${project}-${container}-${facts.program}-${facts.instance}.local.containers.example.test`,
      );
      if (host.kind === "refused") continue;
      const { lines, target } = spelled(facts, "/");
      const headers = new Headers();
      for (const { name, value } of lines) headers.append(name, value);
      const request: AuthorizationRequest = {
        host,
        presented: new RequestCredentials(headers, target),
        client: facts.address ?? UNKNOWN_ADDRESS,
        isPreflight: random.chance(0.1),
      };
      const nowMs = facts.nowS * 1000;
      const found = kept.find(snapshot, request, nowMs);
      const fresh = await authorize(snapshot, request, nowMs);
      if (found !== null) {
        hits++;
        expect({ seed, n, i, found }).toEqual({ seed, n, i, found: fresh as typeof found });
      }
      if (fresh.allow) kept.keep(snapshot, request, fresh);
    }
  }
  expect(hits).toBeGreaterThan(containers);
});

test("a verdict beside a token whose time may come is not kept", () => {
  const request = {
    host: parseHost(`${project}-${container}-files-1.local.containers.example.test`),
    presented: new RequestCredentials(new Headers(), "/"),
    client: "192.0.2.1",
    isPreflight: false,
  } as AuthorizationRequest;
  const snapshot = Snapshot.empty(options);
  for (const untimely of [true, false]) {
    const result = { allow: true, untimely, untilMs: 5_000, route: { policy: null } };
    const kept = new KeptVerdict();
    kept.keep(snapshot, request, result as unknown as Parameters<KeptVerdict["keep"]>[2]);
    expect(kept.find(snapshot, request, 0) === null).toBe(untimely);
  }
});

test("a verdict is kept as long as its token holds, and no longer", () => {
  const untilMs = 5_000;
  const snapshot = Snapshot.empty(options);
  const host = parseHost(`${project}-${container}-files-1.local.containers.example.test`);
  if (host.kind !== "direct") throw new Error("no host");
  const request = {
    host,
    presented: new RequestCredentials(new Headers(), "/"),
    client: "192.0.2.1",
    isPreflight: false,
  };
  const result = { allow: true, host, untilMs, route: { policy: null } };
  const kept = new KeptVerdict();
  kept.keep(snapshot, request, result as unknown as Parameters<KeptVerdict["keep"]>[2]);
  expect(kept.find(snapshot, request, untilMs - 1)).not.toBeNull();
  expect(kept.find(snapshot, request, untilMs)).toBeNull();
  expect(kept.find(snapshot.closedAs("stale"), request, 0)).toBeNull();
  expect(kept.find(snapshot, { ...request, isPreflight: true }, 0)).toBeNull();
  kept.forget();
  expect(kept.find(snapshot, request, 0)).toBeNull();
});
