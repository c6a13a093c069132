// A second edge needs nothing but begin, admit, carryOut and an upstream; and what the pipeline promises to every edge.
import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { SignJWT } from "jose";
import { ProgramPortSchema } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ServiceHooksStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { HookSchema } from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import { ActiveExchanges } from "../../src/proxy/exchange/active-exchanges.ts";
import type { Exchange } from "../../src/proxy/exchange/exchange.ts";
import type { StopReason } from "../../src/proxy/exchange/stop-signal.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { BypassTokens } from "../../src/proxy/hooks/bypass-token.ts";
import { HookScripts } from "../../src/proxy/hooks/hook-script.ts";
import { RequestPipeline } from "../../src/proxy/request-pipeline.ts";
import { hostParser } from "../../src/proxy/routing/host.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import {
  answered,
  type ForwardedRequest,
  failed,
  HANDED_OVER,
} from "../../src/proxy/upstream/upstream.ts";
import {
  FakeClient,
  type FakeReply,
  type FakeUpstream,
  fakeHead,
  serve,
} from "../harness/fake-edge.ts";
import { feedChanges } from "../harness/feed-changes.ts";

const project = "a".repeat(24);
const container = "c".repeat(24);
const host = (service: string) =>
  `${project}-${container}-${service}.local.containers.example.test`;
const LOCAL = { type: "ip", range: "127.0.0.0/8" };
const OPEN_TO_LOCAL = { groups: { us: LOCAL }, permissions: { us: { terminal: true } } };
const SECRET = "0123456789abcdef0123456789abcdef";
const JWT = { type: "jwt", secret: SECRET, sources: ["header:Authorization"] };

function bench(document: JsonObject | null, hooks: JsonObject[] = []) {
  const log: string[] = [];
  const told: string[] = [];
  const note = (_fields: object, message: string) => void log.push(message);
  const watch = {
    answered: ({ status, reason }: Exchange) => told.push(`answered ${status} ${reason}`),
    ended: ({ end }: Exchange) => told.push(`ended ${end}`),
  };
  const changesWith = (document: JsonObject | null, revision: bigint) =>
    feedChanges(
      revision,
      [{ id: project }],
      [
        {
          id: container,
          projectId: project,
          serverName: "local",
          running: true,
          address: "10.0.0.1",
          programs: {
            terminal: create(ProgramPortSchema, { port: 7681 }),
            exec: create(ProgramPortSchema, { port: 7000, stride: 0 }),
          },
          hooks: [
            create(ServiceHooksStateSchema, {
              service: "terminal",
              hooks: hooks.map((hook) => fromJson(HookSchema, hook)),
            }),
          ],
          ...(document === null ? {} : { document }),
        },
      ],
    );
  const logger = { info: note, warn: note, error: note };
  const options = { serverName: "local", programPorts: {}, mayDial: () => true, log: logger };
  let snapshot = Snapshot.empty(options).apply(changesWith(document, 1n));
  const active = new ActiveExchanges(() => snapshot, logger);
  const bypass = new BypassTokens(() => [Buffer.alloc(32, 7)]);
  const pipeline = new RequestPipeline({
    context: {
      parseHost: hostParser("local", "example.test"),
      trusted: trustedProxies([]),
      isForbidden: () => false,
      mayFail: () => true,
      signatures: null,
      hasRoom: (of, client) => active.hasRoom(of, client, 4),
      redirectPort: () => null,
      bypassesHooks: () => false,
    },
    current: () => snapshot,
    active,
    scripts: new HookScripts(bypass, "local", "example.test"),
    heldBodyMs: 1_000,
    watch,
    hookRan: (outcome) => told.push(`hook ${outcome}`),
    log: logger,
  });
  const change = (document: JsonObject | null, others: readonly string[] = []) => {
    snapshot = snapshot.apply(changesWith(document, snapshot.revision + 1n));
    active.changed([project], [...others, container]);
  };
  return { pipeline, active, change, log, told };
}

const reply = (body: string): FakeReply => ({
  status: 200,
  headers: new Map([["x-realmgate-hook", "told"]]),
  body,
});

/** Answers at once with where the request went, unless told otherwise. */
function upstreamOf(extra: Partial<FakeUpstream> = {}): FakeUpstream {
  return {
    forward(_client, { active, admitted, detour }) {
      active.end("complete");
      const { address, port } = detour ?? active.allowed.route;
      return answered(reply(`${address.text}:${port}${detour?.target ?? admitted.target}`));
    },
    upgrade: () => HANDED_OVER,
    answerBuiltIn: () => failed("upstream_unreachable"),
    holdBody: async () => "none",
    ...extra,
  };
}

/** An upstream that is waited for: `stopped` resolves with the reason for which it is told to stop. */
function silent() {
  const { promise: stopped, resolve } = Promise.withResolvers<StopReason>();
  const forward = (_client: FakeClient, { active }: ForwardedRequest) =>
    new Promise<ReturnType<typeof failed>>((done) => {
      active.signal.on({
        stopped(reason) {
          resolve(reason);
          done(failed("upstream_unreachable"));
        },
      });
    });
  return { stopped, upstream: upstreamOf({ forward }) };
}

const codeOf = (reply: FakeReply | null) => JSON.parse(reply?.body ?? "{}").code;

describe("an edge of plain objects", () => {
  test("gets an allowed request answered without a single promise, and its idle limit back", () => {
    const { pipeline, active, told } = bench(OPEN_TO_LOCAL);
    const client = new FakeClient();
    const sent = serve(
      pipeline,
      upstreamOf(),
      fakeHead(host("terminal-1"), { path: "/a?b" }),
      client,
    );
    expect(sent).toMatchObject({ status: 200, body: "10.0.0.1:7681/a?b" });
    expect([client.active !== null, client.idleLimit, active.size]).toEqual([true, true, 0]);
    expect(told).toEqual(["answered 200 granted", "ended complete"]);
  });

  test.each([
    ["403 not_granted", { groups: { us: LOCAL }, permissions: {} }, host("terminal-1"), {}],
    ["404 unknown_host", null, "example.test", {}],
    ["400 bad_host", null, "a..b", {}],
    ["405 method_not_allowed", null, host("terminal-1"), { method: "TRACE" }],
    ["503 no_upstream", null, host("display-1"), {}],
    ["426 upgrade_required", null, host("ssh"), {}],
  ] as const)("writes %s by itself", (expected, document, to, init) => {
    const { pipeline, told } = bench(document as JsonObject | null);
    const client = new FakeClient();
    const sent = serve(pipeline, upstreamOf(), fakeHead(to, init), client) as FakeReply;
    expect(`${sent.status} ${codeOf(sent)}`).toBe(expected);
    expect(client.active).toBeNull();
    expect(told).toEqual([`answered ${expected}`, "ended complete"]);
  });

  test("waits where a signature must be checked", async () => {
    const { pipeline } = bench({ groups: { us: JWT }, permissions: { us: { terminal: true } } });
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    const headers = { authorization: `Bearer ${token}` };
    const sent = serve(pipeline, upstreamOf(), fakeHead(host("terminal-1"), { headers }));
    expect(await sent).toMatchObject({ status: 200 });
    const forged = { authorization: `Bearer ${token.slice(0, -4)}AAAA` };
    const refused = serve(
      pipeline,
      upstreamOf(),
      fakeHead(host("terminal-1"), { headers: forged }),
    );
    expect(codeOf(await refused)).toBe("unauthenticated");
  });

  test("hands its connection over for an upgrade", () => {
    const { pipeline, active } = bench(OPEN_TO_LOCAL);
    const headers = {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    const client = new FakeClient();
    expect(
      serve(pipeline, upstreamOf(), fakeHead(host("terminal-1"), { headers }), client),
    ).toBeNull();
    expect([client.idleLimit, active.size]).toEqual([false, 1]);
    client.active?.end("complete");
    expect([client.idleLimit, active.size]).toEqual([true, 0]);
  });

  test("meets hooks: the script is a detour, and what it was told stays inside", async () => {
    const hook = { id: "h", script: { path: "/guard.sh" }, timeout: 1_000, onError: "open" };
    const { pipeline, told } = bench(OPEN_TO_LOCAL, [hook]);
    const head = fakeHead(host("terminal-1"), { path: "/a?b=c" });
    const sent = await serve(pipeline, upstreamOf(), head);
    expect(sent?.body).toBe("10.0.0.1:7000/guard.sh?b=c");
    expect(sent?.headers.has("x-realmgate-hook")).toBe(false);
    const program = upstreamOf();
    const broken = upstreamOf({
      forward: (client, forwarded) =>
        forwarded.detour === null
          ? program.forward(client, forwarded)
          : failed("upstream_unreachable"),
    });
    expect((await serve(pipeline, broken, head))?.body).toBe("10.0.0.1:7681/a?b=c");
    expect(told.filter((line) => line.startsWith("hook"))).toEqual([
      "hook answered",
      "hook opened",
    ]);
  });
});

describe("an exchange that is stopped", () => {
  test("by a change of the policy: the upstream hears why, the client gets the new refusal", async () => {
    const { pipeline, change, active, told } = bench(OPEN_TO_LOCAL);
    const { stopped, upstream } = silent();
    const client = new FakeClient();
    const sent = serve(pipeline, upstream, fakeHead(host("terminal-1")), client);
    expect([client.idleLimit, active.size]).toEqual([false, 1]);
    change({ groups: { us: LOCAL }, permissions: {} });
    expect(await stopped).toEqual({
      kind: "revoked",
      revocation: { reason: "not_granted", denial: expect.objectContaining({ status: 403 }) },
    });
    expect(codeOf(await sent)).toBe("not_granted");
    expect([client.idleLimit, active.size]).toEqual([true, 0]);
    expect(told).toEqual(["answered 403 not_granted", "ended complete"]);
  });

  test("by a change of the policy among those of very many others", async () => {
    const { pipeline, change, active } = bench(OPEN_TO_LOCAL);
    const { stopped, upstream } = silent();
    const sent = serve(pipeline, upstream, fakeHead(host("terminal-1")), new FakeClient());
    const others = Array.from({ length: 10_000 }, (_, n) => n.toString(16).padStart(24, "0"));
    change({ groups: { us: LOCAL }, permissions: {} }, others);
    expect(await stopped).toMatchObject({ revocation: { reason: "not_granted" } });
    await sent;
    expect(active.size).toBe(0);
  });

  test("by its client, who is not answered", async () => {
    const { pipeline, active, told } = bench(OPEN_TO_LOCAL);
    const { stopped, upstream } = silent();
    const client = new FakeClient();
    const sent = serve(pipeline, upstream, fakeHead(host("terminal-1")), client);
    client.active?.clientGone();
    expect(await stopped).toEqual({ kind: "client_gone" });
    await sent;
    expect([client.idleLimit, active.size]).toEqual([true, 0]);
    expect(told).toEqual(["answered null client_gone", "ended client_gone"]);
  });

  test.each([
    [
      "at once",
      () => {
        throw new Error("of the gate");
      },
    ],
    ["later", () => Promise.reject(new Error("of the gate"))],
  ])("by an error of the gate, %s: the idle limit comes back", async (_when, forward) => {
    const { pipeline, active, log, told } = bench(OPEN_TO_LOCAL);
    const client = new FakeClient();
    const sent = await serve(
      pipeline,
      upstreamOf({ forward }),
      fakeHead(host("terminal-1")),
      client,
    );
    expect([sent?.status, codeOf(sent)]).toEqual([500, "internal_error"]);
    expect([client.active !== null, client.idleLimit, active.size]).toEqual([true, true, 0]);
    expect(log).toEqual(["request failed in the gate"]);
    expect(told).toEqual(["answered 500 internal_error", "ended complete"]);
  });

  test("frees its room: no container has more than half of it", async () => {
    const { pipeline } = bench(OPEN_TO_LOCAL);
    const { upstream } = silent();
    const clients = [new FakeClient(), new FakeClient()];
    const sent = clients.map((client) =>
      serve(pipeline, upstream, fakeHead(host("terminal-1")), client),
    );
    expect(codeOf(await serve(pipeline, upstream, fakeHead(host("terminal-1"))))).toBe(
      "overloaded",
    );
    for (const client of clients) client.active?.clientGone();
    await Promise.all(sent);
    expect(await serve(pipeline, upstreamOf(), fakeHead(host("terminal-1")))).toMatchObject({
      status: 200,
    });
  });
});
